import { apply1 } from '../dispatch.js'
import { isFloat } from '../dtype.js'
import { DTypeError } from '../errors.js'
import type { NdArray, Op } from '../op.js'
import { scope } from '../scope.js'
import { contiguousStrides, resolveAxis, sizeOf } from '../shape.js'
import type { Tensor } from '../tensor.js'
import { div, equal, mul } from './arithmetic.js'
import { cast } from './cast.js'
import { broadcastTo, reshape } from './view.js'

export type ReduceKind = 'sum' | 'mean' | 'max' | 'min'
export type ReduceAttrs = { readonly kind: ReduceKind; readonly axes: readonly number[] }

/** Reduces the axes to length 1. Empty sums are 0, empty means NaN, empty maxima -Infinity. */
export const reduceOp: Op<ReduceAttrs> = {
  name: 'reduce',
  infer: ([x], { kind, axes }) => {
    if (kind === 'mean' && !isFloat(x.dtype)) throw new DTypeError(`mean needs a float type, got ${x.dtype}; cast() first`)
    return [{ shape: x.shape.map((d, i) => (axes.includes(i) ? 1 : d)), dtype: x.dtype }]
  },
  vjp: ([g], { inputs: [x], outputs: [y], attrs: { kind, axes } }) => {
    const count = axes.reduce((n, a) => n * x.shape[a], 1)
    if (kind === 'sum') return [broadcastTo(g!, x.shape)]
    if (kind === 'mean') return [broadcastTo(div(g!, count), x.shape)]
    // Ties share the gradient evenly, as PyTorch's amax and amin do.
    const winners = cast(equal(x, y), x.dtype)
    return [mul(winners, div(g!, apply1(reduceOp, [winners], { kind: 'sum', axes })))]
  },
  reference: ([x], { kind, axes }, [out]) => [reduceReference(x, kind, axes, out.shape)],
  flops: ([x]) => sizeOf(x.shape),
}

function reduceReference(x: NdArray, kind: ReduceKind, axes: readonly number[], shape: readonly number[]): Float64Array {
  const out = new Float64Array(sizeOf(shape)).fill(
    kind === 'max' ? Number.NEGATIVE_INFINITY : kind === 'min' ? Number.POSITIVE_INFINITY : 0,
  )
  const strides = contiguousStrides(shape).map((s, i) => (axes.includes(i) ? 0 : s))
  const index = new Array<number>(x.shape.length).fill(0)
  for (let i = 0, at = 0; i < x.data.length; i++) {
    if (kind === 'max') out[at] = Math.max(out[at], x.data[i])
    else if (kind === 'min') out[at] = Math.min(out[at], x.data[i])
    else out[at] += x.data[i]
    for (let a = index.length - 1; a >= 0; a--) {
      at += strides[a]
      if (++index[a] < x.shape[a]) break
      at -= strides[a] * x.shape[a]
      index[a] = 0
    }
  }
  const count = axes.reduce((n, a) => n * x.shape[a], 1)
  return kind === 'mean' ? out.map((v) => v / count) : out
}

function reduce(kind: ReduceKind, x: Tensor, axes: readonly number[] = x.shape.map((_, i) => i), keepDims = false): Tensor {
  const resolved = [...new Set(axes.map((a) => resolveAxis(a, x.rank)))].sort((a, b) => a - b)
  return scope(() => {
    const reduced = resolved.length === 0 && kind !== 'mean' ? x.alias() : apply1(reduceOp, [x], { kind, axes: resolved })
    return keepDims
      ? reduced
      : reshape(
          reduced,
          x.shape.filter((_, i) => !resolved.includes(i)),
        )
  })
}

/** Sum over `axes` (all by default); `keepDims` leaves them with length 1. */
export const sum = (x: Tensor, axes?: readonly number[], keepDims?: boolean): Tensor => reduce('sum', x, axes, keepDims)
/** Mean over `axes` (all by default). */
export const mean = (x: Tensor, axes?: readonly number[], keepDims?: boolean): Tensor => reduce('mean', x, axes, keepDims)
/** Largest element over `axes`, NaN if any is; the gradient is shared among equals. */
export const max = (x: Tensor, axes?: readonly number[], keepDims?: boolean): Tensor => reduce('max', x, axes, keepDims)
/** Smallest element over `axes`, NaN if any is. */
export const min = (x: Tensor, axes?: readonly number[], keepDims?: boolean): Tensor => reduce('min', x, axes, keepDims)
