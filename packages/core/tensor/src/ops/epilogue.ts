import { ShapeError } from '../errors.js'
import { type Expr, evaluate, exprFlops, inputCount } from '../expr.js'
import type { NdArray, ValueSpec } from '../op.js'
import { formatShape, type Shape, sameShape, sizeOf } from '../shape.js'
import type { Tensor } from '../tensor.js'
import { pointwise } from './pointwise.js'

/**
 * What a producer (matmul, convolution) does to each value before it stores it. Operand 0 of the expression is that
 * value, operand k the k-th extra input, which has the output's shape (broadcasts are views). Written by `compile`'s
 * fusion; in eager code the same work is a pointwise op of its own.
 */
export type Epilogue = { readonly epilogue?: Expr }

/** Checks the extra inputs of an epilogue against the output. */
export function checkEpilogue(op: string, epilogue: Expr | undefined, extras: readonly ValueSpec[], shape: Shape): void {
  const needed = epilogue ? Math.max(1, inputCount(epilogue)) - 1 : 0
  if (extras.length !== needed) throw new ShapeError(`${op}: its epilogue reads ${needed} extra inputs and got ${extras.length}`)
  const odd = extras.find((e) => !sameShape(e.shape, shape))
  if (odd)
    throw new ShapeError(
      `${op}: an epilogue input has shape ${formatShape(odd.shape)}, the output ${formatShape(shape)}; broadcast it first`,
    )
}

/** The producer and its epilogue as two ops. */
export const unfused = (value: Tensor, epilogue: Expr, extras: readonly Tensor[]): Tensor[] => [
  pointwise(epilogue, [value, ...extras], value.dtype),
]

export function applyEpilogue(values: Float64Array, epilogue: Expr | undefined, extras: readonly NdArray[]): Float64Array {
  return epilogue ? evaluate(epilogue, [values, ...extras.map((x) => x.data)]) : values
}

export const epilogueFlops = (epilogue: Expr | undefined, shape: Shape): number =>
  epilogue ? sizeOf(shape) * exprFlops(epilogue) : 0
