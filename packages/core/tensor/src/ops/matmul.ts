import { apply1 } from '../dispatch.js'
import { DTypeError, ShapeError } from '../errors.js'
import type { Op } from '../op.js'
import { scope } from '../scope.js'
import { broadcastShapes, formatShape, sameShape, sizeOf } from '../shape.js'
import type { Tensor } from '../tensor.js'
import { applyEpilogue, checkEpilogue, type Epilogue, epilogueFlops, unfused } from './epilogue.js'
import { broadcastTo, reshape, transpose } from './view.js'

/**
 * `a` [..., M, K] times `b`, which is one matrix [K, N] for all rows or has the leading axes of `a`; then the epilogue.
 */
export const matmulOp: Op<Epilogue> = {
  name: 'matmul',
  infer: ([a, b, ...extras], { epilogue }) => {
    const [rankA, rankB] = [a.shape.length, b.shape.length]
    const sameLead = rankB === 2 || sameShape(a.shape.slice(0, -2), b.shape.slice(0, -2))
    if (rankA < 2 || rankB < 2 || !sameLead || a.shape[rankA - 1] !== b.shape[rankB - 2]) {
      throw new ShapeError(
        `matmul of ${formatShape(a.shape)} and ${formatShape(b.shape)}: the last axis of the first must equal the last but one of the second`,
      )
    }
    if (a.dtype !== b.dtype) throw new DTypeError(`matmul got ${a.dtype} and ${b.dtype}; cast() one of them`)
    const shape = [...a.shape.slice(0, -1), b.shape[rankB - 1]]
    checkEpilogue('matmul', epilogue, extras, shape)
    return [{ shape, dtype: a.dtype }]
  },
  decompose: ([a, b, ...extras], { epilogue }) => epilogue && unfused(apply1(matmulOp, [a, b], {}), epilogue, extras),
  vjp: ([g], { inputs: [a, b] }) => {
    const gradA = apply1(matmulOp, [g!, transpose(b)], {})
    if (b.rank > 2) return [gradA, apply1(matmulOp, [transpose(a), g!], {})]
    const rows = (t: Tensor): Tensor => reshape(t, [sizeOf(t.shape.slice(0, -1)), t.shape[t.rank - 1]])
    return [gradA, apply1(matmulOp, [transpose(rows(a)), rows(g!)], {})]
  },
  reference: ([a, b, ...extras], { epilogue }, [out]) => {
    const [m, k] = a.shape.slice(-2)
    const n = b.shape[b.shape.length - 1]
    const result = new Float64Array(sizeOf(out.shape))
    for (let row = 0; row * n < result.length; row++) {
      const base = b.shape.length === 2 ? 0 : Math.floor(row / m) * k * n
      for (let p = 0; p < k; p++) {
        const value = a.data[row * k + p]
        for (let j = 0; j < n; j++) result[row * n + j] += value * b.data[base + p * n + j]
      }
    }
    return [applyEpilogue(result, epilogue, extras)]
  },
  flops: ([a], [out], { epilogue }) => 2 * sizeOf(out.shape) * a.shape[a.shape.length - 1] + epilogueFlops(epilogue, out.shape),
}

/**
 * Matrix product over the last two axes; leading axes broadcast. `a` [..., M, K], `b` [..., K, N] → [..., M, N].
 * Throws `ShapeError` or `DTypeError`.
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  if (b.rank === 2) return apply1(matmulOp, [a, b], {})
  if (a.rank < 2 || b.rank < 2)
    throw new ShapeError(`matmul needs at least two axes each, got ${a} and ${b}; reshape vectors to [1, K] or [K, 1]`)
  return scope(() => {
    const lead = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2))
    return apply1(
      matmulOp,
      [broadcastTo(a, [...lead, ...a.shape.slice(-2)]), broadcastTo(b, [...lead, ...b.shape.slice(-2)])],
      {},
    )
  })
}
