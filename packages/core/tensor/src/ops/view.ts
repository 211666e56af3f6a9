import { apply1 } from '../dispatch.js'
import { ShapeError } from '../errors.js'
import type { Op } from '../op.js'
import { formatShape, resolveAxis, type Shape, sameShape, sizeOf } from '../shape.js'
import type { Tensor } from '../tensor.js'
import { copyOp } from './copy.js'
import { pad } from './pad.js'
import { sum } from './reduce.js'

const none = () => 0

type ShapeAttrs = { readonly shape: Shape }

export const reshapeOp: Op<ShapeAttrs> = {
  name: 'reshape',
  infer: ([x], { shape }) => {
    if (sizeOf(x.shape) !== sizeOf(shape))
      throw new ShapeError(
        `cannot reshape ${formatShape(x.shape)} (${sizeOf(x.shape)} elements) to ${formatShape(shape)} (${sizeOf(shape)})`,
      )
    return [{ shape, dtype: x.dtype }]
  },
  view: (x, { shape }) => {
    const strides = reshapedStrides(x.shape, x.strides, shape)
    return strides && { strides, offset: 0 }
  },
  decompose: ([x], attrs) => [apply1(reshapeOp, [apply1(copyOp, [x], {})], attrs)],
  vjp: ([g], { inputs: [x] }) => [reshape(g!, x.shape)],
  flops: none,
}

export const permuteOp: Op<{ readonly axes: readonly number[] }> = {
  name: 'permute',
  infer: ([x], { axes }) => [{ shape: axes.map((a) => x.shape[a]), dtype: x.dtype }],
  view: (x, { axes }) => ({ strides: axes.map((a) => x.strides[a]), offset: 0 }),
  vjp: ([g], { attrs: { axes } }) => [
    permute(
      g!,
      axes.map((_, i) => axes.indexOf(i)),
    ),
  ],
  flops: none,
}

export const broadcastOp: Op<ShapeAttrs> = {
  name: 'broadcast',
  infer: ([x], { shape }) => {
    const lead = shape.length - x.shape.length
    const fits = lead >= 0 && x.shape.every((d, i) => d === 1 || d === shape[lead + i])
    if (!fits)
      throw new ShapeError(
        `cannot broadcast ${formatShape(x.shape)} to ${formatShape(shape)}: an axis must have length 1 or the target's`,
      )
    return [{ shape, dtype: x.dtype }]
  },
  view: (x, { shape }) => {
    const lead = shape.length - x.shape.length
    return {
      strides: shape.map((d, i) => (i < lead || (x.shape[i - lead] === 1 && d !== 1) ? 0 : x.strides[i - lead])),
      offset: 0,
    }
  },
  vjp: ([g], { inputs: [x] }) => {
    const lead = g!.rank - x.rank
    const axes = g!.shape.flatMap((d, i) => (i < lead || (x.shape[i - lead] === 1 && d !== 1) ? [i] : []))
    return [reshape(sum(g!, axes), x.shape)]
  },
  flops: none,
}

type SliceAttrs = { readonly start: readonly number[]; readonly end: readonly number[]; readonly step: readonly number[] }

export const sliceOp: Op<SliceAttrs> = {
  name: 'slice',
  infer: ([x], { start, end, step }) => [{ shape: start.map((s, i) => Math.ceil((end[i] - s) / step[i])), dtype: x.dtype }],
  view: (x, { start, end, step }) => ({
    strides: x.strides.map((s, i) => s * step[i]),
    // Nothing of it is read, but an offset past the end could not be bound.
    offset: start.some((s, i) => s === end[i]) ? 0 : start.reduce((at, s, i) => at + s * x.strides[i], 0),
  }),
  vjp: ([g], { inputs: [x], attrs: { start, step } }) => {
    const after = x.shape.map((d, i) => d - start[i] - (g!.shape[i] === 0 ? 0 : (g!.shape[i] - 1) * step[i] + 1))
    return [pad(g!, { before: start, after, interior: step.map((s) => s - 1) })]
  },
  flops: none,
}

/**
 * The same elements in another shape; one axis may be -1. A view where the layout allows it, else a copy.
 * Throws `ShapeError` if the sizes differ.
 */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const known = shape.reduce((n, d) => (d === -1 ? n : n * d), 1)
  const resolved = shape.map((d) => (d === -1 ? x.size / Math.max(1, known) : d))
  if (resolved.some((d) => !Number.isInteger(d) || d < 0))
    throw new ShapeError(`cannot reshape ${formatShape(x.shape)} to ${formatShape(shape)}`)
  return sameShape(resolved, x.shape) ? x.alias() : apply1(reshapeOp, [x], { shape: resolved })
}

/** The axes from `start` to `end` (both included) merged into one. */
export function flatten(x: Tensor, start = 0, end = -1): Tensor {
  const [a, b] = [resolveAxis(start, x.rank), resolveAxis(end, x.rank)]
  return reshape(x, [...x.shape.slice(0, a), sizeOf(x.shape.slice(a, b + 1)), ...x.shape.slice(b + 1)])
}

/** A view with the axes in another order: `permute(nchw, [0, 2, 3, 1])` is NHWC. */
export function permute(x: Tensor, axes: readonly number[]): Tensor {
  const resolved = axes.map((a) => resolveAxis(a, x.rank))
  if (resolved.length !== x.rank || new Set(resolved).size !== x.rank)
    throw new ShapeError(`permute needs every axis of ${x} once, got ${formatShape(axes)}`)
  return apply1(permuteOp, [x], { axes: resolved })
}

/** A view with two axes exchanged; the last two unless told otherwise. */
export function transpose(x: Tensor, a = -2, b = -1): Tensor {
  const axes = x.shape.map((_, i) => i)
  const [i, j] = [resolveAxis(a, x.rank), resolveAxis(b, x.rank)]
  ;[axes[i], axes[j]] = [j, i]
  return permute(x, axes)
}

/** A view that repeats axes of length 1 (and new leading ones) without copying. Throws `ShapeError`. */
export function broadcastTo(x: Tensor, shape: Shape): Tensor {
  return sameShape(x.shape, shape) ? x.alias() : apply1(broadcastOp, [x], { shape })
}

/**
 * A view of a range along one axis; `end` may count from the end, and `step` skips.
 * Throws `ShapeError` for a range outside the axis.
 */
export function slice(
  x: Tensor,
  axis: number,
  start: number,
  end: number = x.shape[resolveAxis(axis, x.rank)],
  step = 1,
): Tensor {
  const at = resolveAxis(axis, x.rank)
  const n = x.shape[at]
  const [from, to] = [start < 0 ? start + n : start, end < 0 ? end + n : end]
  if (
    !(Number.isInteger(from) && Number.isInteger(to) && from >= 0 && from <= to && to <= n && Number.isInteger(step) && step > 0)
  ) {
    throw new ShapeError(`slice ${start}:${end}:${step} is outside axis ${axis} of ${x}, which has length ${n}`)
  }
  if (from === 0 && to === n && step === 1) return x.alias()
  return apply1(sliceOp, [x], {
    start: x.shape.map((_, i) => (i === at ? from : 0)),
    end: x.shape.map((d, i) => (i === at ? to : d)),
    step: x.shape.map((_, i) => (i === at ? step : 1)),
  })
}

/** Consecutive views of the given lengths along an axis. Throws `ShapeError` unless they fill it. */
export function split(x: Tensor, lengths: readonly number[], axis = -1): Tensor[] {
  const n = x.shape[resolveAxis(axis, x.rank)]
  if (lengths.reduce((a, b) => a + b, 0) !== n)
    throw new ShapeError(`split into ${formatShape(lengths)} does not fill axis ${axis} of ${x}, which has length ${n}`)
  let at = 0
  return lengths.map((length) => slice(x, axis, at, (at += length)))
}

/** A view with an axis of length 1 put in. */
export function unsqueeze(x: Tensor, axis: number): Tensor {
  const at = resolveAxis(axis, x.rank + 1)
  return reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)])
}

/** A view without an axis of length 1. */
export function squeeze(x: Tensor, axis: number): Tensor {
  const at = resolveAxis(axis, x.rank)
  if (x.shape[at] !== 1) throw new ShapeError(`squeeze needs axis ${axis} of ${x} to have length 1`)
  return reshape(x, [...x.shape.slice(0, at), ...x.shape.slice(at + 1)])
}

/**
 * Strides of `to` over memory laid out as `shape` and `strides`, or undefined where an axis of `to` would mix axes that
 * do not follow one another (NumPy's no-copy reshape).
 */
function reshapedStrides(shape: Shape, strides: readonly number[], to: Shape): number[] | undefined {
  if (sizeOf(to) === 0) return to.map(() => 0)
  const axes = shape.map((d, i) => ({ d, s: strides[i] })).filter(({ d }) => d !== 1)
  const out: number[] = []
  let a = 0
  for (let b = 0; b < to.length; ) {
    if (to[b] === 1) {
      out.push(0)
      b++
      continue
    }
    let have = axes[a].d
    let want = to[b]
    let [lastA, lastB] = [a, b]
    while (have !== want) {
      if (have < want) have *= axes[++lastA].d
      else want *= to[++lastB]
    }
    for (let i = a; i < lastA; i++) if (axes[i].s !== axes[i + 1].d * axes[i + 1].s) return undefined
    let stride = axes[lastA].s
    const group: number[] = []
    for (let i = lastB; i >= b; i--) {
      group.unshift(stride)
      stride *= to[i]
    }
    out.push(...group)
    a = lastA + 1
    b = lastB + 1
  }
  return out
}
