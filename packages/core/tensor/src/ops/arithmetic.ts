import { expression } from '../expr.js'
import type { Tensor } from '../tensor.js'
import { binary, commonType, pointwise, unary } from './pointwise.js'

type Operand = Tensor | number
type Binary = (a: Operand, b: Operand) => Tensor
type Unary = (x: Tensor) => Tensor

/** `a + b`, broadcast. */
export const add: Binary = binary((e, a, b) => e.binary('add', a, b))
/** `a - b`, broadcast. */
export const sub: Binary = binary((e, a, b) => e.binary('sub', a, b))
/** `a · b`, broadcast. */
export const mul: Binary = binary((e, a, b) => e.binary('mul', a, b))
/** `a / b`, broadcast. */
export const div: Binary = binary((e, a, b) => e.binary('div', a, b))
/** `a ^ b`, broadcast. */
export const pow: Binary = binary((e, a, b) => e.binary('pow', a, b))
/** The larger of both, NaN if either is. */
export const maximum: Binary = binary((e, a, b) => e.binary('max', a, b))
/** The smaller of both, NaN if either is. */
export const minimum: Binary = binary((e, a, b) => e.binary('min', a, b))

/** `a < b` as bool. */
export const less: Binary = binary((e, a, b) => e.binary('lt', a, b), 'bool')
/** `a <= b` as bool. */
export const lessEqual: Binary = binary((e, a, b) => e.binary('le', a, b), 'bool')
/** `a > b` as bool. */
export const greater: Binary = binary((e, a, b) => e.binary('lt', b, a), 'bool')
/** `a >= b` as bool. */
export const greaterEqual: Binary = binary((e, a, b) => e.binary('le', b, a), 'bool')
/** `a == b` as bool. */
export const equal: Binary = binary((e, a, b) => e.binary('eq', a, b), 'bool')

export const neg: Unary = unary((e, x) => e.unary('neg', x))
export const abs: Unary = unary((e, x) => e.unary('abs', x))
export const sign: Unary = unary((e, x) => e.unary('sign', x))
export const sqrt: Unary = unary((e, x) => e.unary('sqrt', x))
/** `1 / sqrt(x)` */
export const rsqrt: Unary = unary((e, x) => e.binary('div', e.const(1), e.unary('sqrt', x)))
export const square: Unary = unary((e, x) => e.binary('mul', x, x))
export const exp: Unary = unary((e, x) => e.unary('exp', x))
/** Natural logarithm. */
export const log: Unary = unary((e, x) => e.unary('log', x))
/** `log(1 + x)`, exact for small x. */
export const log1p: Unary = unary((e, x) => e.unary('log1p', x))
export const sin: Unary = unary((e, x) => e.unary('sin', x))
export const cos: Unary = unary((e, x) => e.unary('cos', x))
export const floor: Unary = unary((e, x) => e.unary('floor', x))
export const ceil: Unary = unary((e, x) => e.unary('ceil', x))
export const erf: Unary = unary((e, x) => e.unary('erf', x))

const selectExpr = expression((e) => e.select(e.input(0), e.input(1), e.input(2)))

/** `a` where `condition` is not 0, else `b`; all three broadcast. Throws `DTypeError` where `a` and `b` do not mix. */
export function where(condition: Tensor, a: Tensor, b: Tensor): Tensor {
  return pointwise(selectExpr, [condition, a, b], commonType([a, b]))
}

/** `min(max(x, low), high)`; NaN stays NaN. */
export function clamp(x: Tensor, low: number, high: number): Tensor {
  return pointwise(
    expression((e) => e.binary('min', e.binary('max', e.input(0), e.const(low)), e.const(high))),
    [x],
  )
}
