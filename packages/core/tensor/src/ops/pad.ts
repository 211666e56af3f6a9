import { apply1 } from '../dispatch.js'
import { ShapeError } from '../errors.js'
import type { Op } from '../op.js'
import { contiguousStrides, formatShape, sizeOf } from '../shape.js'
import type { Tensor } from '../tensor.js'
import { sliceOp } from './view.js'

/** Per axis: elements before, after, and between neighbours. */
export type PadAttrs = {
  readonly before: readonly number[]
  readonly after: readonly number[]
  readonly interior: readonly number[]
  readonly value: number
}

export const padOp: Op<PadAttrs> = {
  name: 'pad',
  infer: ([x], { before, after, interior }) => {
    const rank = x.shape.length
    if ([before, after, interior].some((list) => list.length !== rank || list.some((n) => !Number.isInteger(n) || n < 0))) {
      throw new ShapeError(
        `pad of ${formatShape(x.shape)} needs one non-negative whole number per axis, got before ${formatShape(before)}, after ${formatShape(after)}, interior ${formatShape(interior)}`,
      )
    }
    return [{ shape: x.shape.map((d, i) => before[i] + d + Math.max(0, d - 1) * interior[i] + after[i]), dtype: x.dtype }]
  },
  vjp: ([g], { inputs: [x], attrs: { before, interior } }) => {
    const step = interior.map((n) => n + 1)
    const end = before.map((b, i) => (x.shape[i] === 0 ? b : b + (x.shape[i] - 1) * step[i] + 1))
    return [apply1(sliceOp, [g!], { start: before, end, step })]
  },
  reference: ([x], { before, interior, value }, [out]) => {
    const result = new Float64Array(sizeOf(out.shape)).fill(value)
    const strides = contiguousStrides(out.shape)
    const own = contiguousStrides(x.shape)
    for (let i = 0; i < x.data.length; i++) {
      let at = 0
      for (let a = 0; a < own.length; a++)
        at += (before[a] + (Math.floor(i / own[a]) % x.shape[a]) * (interior[a] + 1)) * strides[a]
      result[at] = x.data[i]
    }
    return [result]
  },
  flops: () => 0,
}

/** Puts `value` (0 by default) around the elements, and between them with `interior`. */
export function pad(
  x: Tensor,
  { before, after, interior = x.shape.map(() => 0), value = 0 }: Partial<PadAttrs> & Pick<PadAttrs, 'before' | 'after'>,
): Tensor {
  return apply1(padOp, [x], { before, after, interior, value })
}
