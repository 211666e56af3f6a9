import { apply1 } from '../dispatch.js'
import { type DType, isFloat } from '../dtype.js'
import { ArgumentError, DTypeError } from '../errors.js'
import { type Expr, type ExprBuilder, evaluate, expression, exprFlops, inputCount } from '../expr.js'
import { differentiate } from '../expr-grad.js'
import type { Op } from '../op.js'
import { scope } from '../scope.js'
import { broadcastShapes, sizeOf } from '../shape.js'
import type { Tensor } from '../tensor.js'
import { broadcastTo } from './view.js'

export type PointwiseAttrs = { readonly expr: Expr; readonly dtype: DType }

/** Applies one expression to every element. Inputs have the output's shape; broadcasts are views. */
export const pointwiseOp: Op<PointwiseAttrs> = {
  name: 'pointwise',
  infer: ([x], { dtype }) => [{ shape: x.shape, dtype }],
  vjp: ([g], { inputs, attrs: { expr } }) =>
    differentiate(expr, inputs.length).map((partial, k) =>
      partial && isFloat(inputs[k].dtype) ? product(partial, [...inputs, g!], inputs[k].dtype) : undefined,
    ),
  reference: (inputs, { expr }) => [
    evaluate(
      expr,
      inputs.map((x) => x.data),
    ).slice(),
  ],
  flops: (_, [out], { expr }) => sizeOf(out.shape) * exprFlops(expr),
}

/** A gradient by its expression. That of a sum is the gradient itself: no copy of it. */
function product(partial: Expr, operands: readonly Tensor[], dtype: DType): Tensor {
  const [[name, k]] = partial
  const whole = partial.length === 1 && name === 'input' ? operands[k] : undefined
  return whole?.dtype === dtype ? whole.alias() : pointwise(partial, operands, dtype)
}

/**
 * An expression over tensors that broadcast against each other. The result has their common float type (integers and
 * booleans mix in), or `dtype`.
 *
 * Throws `ShapeError` if the shapes do not broadcast, `DTypeError` for two different float types.
 *
 * @example
 * const square = pointwise(expression((e) => e.binary('mul', e.input(0), e.input(0))), [x])
 */
export function pointwise(expr: Expr, inputs: readonly Tensor[], dtype: DType = commonType(inputs)): Tensor {
  if (inputCount(expr) > inputs.length)
    throw new ArgumentError(`the expression reads ${inputCount(expr)} operands and got ${inputs.length}`)
  const shape = broadcastShapes(...inputs.map((t) => t.shape))
  return scope(() =>
    apply1(
      pointwiseOp,
      inputs.map((t) => broadcastTo(t, shape)),
      { expr, dtype },
    ),
  )
}

/** The float type of the inputs, or the first's where there is none. Throws `DTypeError` for two float types. */
export function commonType(inputs: readonly Tensor[]): DType {
  const floats = [...new Set(inputs.map((t) => t.dtype).filter(isFloat))]
  if (floats.length > 1) throw new DTypeError(`a pointwise op got both ${floats.join(' and ')}; cast() one of them`)
  return floats[0] ?? inputs[0]?.dtype ?? 'f32'
}

/** A function of one tensor from what it does to one element. */
export function unary(write: (e: ExprBuilder, x: number) => number): (x: Tensor) => Tensor {
  const expr = expression((e) => write(e, e.input(0)))
  return (x) => pointwise(expr, [x])
}

/** A function of two operands, either of which may be a plain number, from what it does to one element of each. */
export function binary(
  write: (e: ExprBuilder, a: number, b: number) => number,
  dtype?: DType,
): (a: Tensor | number, b: Tensor | number) => Tensor {
  return (a, b) => {
    const tensors = [a, b].filter((t) => typeof t !== 'number')
    const expr = expression((e) => {
      const x = typeof a === 'number' ? e.const(a) : e.input(0)
      const y = typeof b === 'number' ? e.const(b) : e.input(tensors.length - 1)
      return write(e, x, y)
    })
    return pointwise(expr, tensors, dtype)
  }
}
