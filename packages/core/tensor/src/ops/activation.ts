import type { Tensor } from '../tensor.js'
import { unary } from './pointwise.js'

type Unary = (x: Tensor) => Tensor

/** `x · Φ(x)` by the error function, the exact form (PyTorch's default). */
export const gelu: Unary = unary((e, x) =>
  e.binary(
    'mul',
    e.binary('mul', x, e.const(0.5)),
    e.binary('add', e.unary('erf', e.binary('mul', x, e.const(Math.SQRT1_2))), e.const(1)),
  ),
)
/** GELU with tanh in place of the error function: `x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³)))`. */
export const geluTanh: Unary = unary((e, x) => {
  const cubic = e.binary('mul', e.binary('mul', e.const(0.044715), x), e.binary('mul', x, x))
  const inner = e.binary('mul', e.const(Math.sqrt(2 / Math.PI)), e.binary('add', x, cubic))
  return e.binary('mul', e.binary('mul', x, e.const(0.5)), e.binary('add', e.unary('tanh', inner), e.const(1)))
})
/** `x · sigmoid(x)`; also called swish. */
export const silu: Unary = unary((e, x) => e.binary('mul', x, e.unary('sigmoid', x)))
/** `max(x, 0)`; NaN stays NaN and the gradient at 0 is 0. */
export const relu: Unary = unary((e, x) => e.select(e.binary('le', x, e.const(0)), e.const(0), x))
export const sigmoid: Unary = unary((e, x) => e.unary('sigmoid', x))
export const tanh: Unary = unary((e, x) => e.unary('tanh', x))
/** `log(1 + e^x)`, the identity above 20 as in PyTorch. */
export const softplus: Unary = unary((e, x) => e.select(e.binary('lt', e.const(20), x), x, e.unary('log1p', e.unary('exp', x))))
