import { apply1 } from '../dispatch.js'
import { DTypeError } from '../errors.js'
import type { Op } from '../op.js'
import { sizeOf } from '../shape.js'
import type { Tensor } from '../tensor.js'

const needIndex = (dtype: string): void => {
  if (dtype !== 'i32') throw new DTypeError(`an index must be i32, got ${dtype}; cast() it`)
}

/** Rows of `x` [R, …] at `index` (i32, any shape): index.shape ++ x.shape[1…]. Rows outside are zero. */
export const gatherOp: Op<Record<never, never>> = {
  name: 'gather',
  infer: ([x, index]) => {
    needIndex(index.dtype)
    return [{ shape: [...index.shape, ...x.shape.slice(1)], dtype: x.dtype }]
  },
  vjp: ([g], { inputs: [x, index] }) => [apply1(scatterAddOp, [g!, index], { rows: x.shape[0] }), undefined],
  reference: ([x, index], _, [out]) => {
    const row = sizeOf(x.shape.slice(1))
    const result = new Float64Array(sizeOf(out.shape))
    index.data.forEach((r, i) => {
      if (r >= 0 && r < x.shape[0]) result.set(x.data.subarray(r * row, (r + 1) * row), i * row)
    })
    return [result]
  },
  flops: () => 0,
}

/** The adjoint of `gather`: zeros [rows, …] to which each row of `g` is added at its index, in order. */
export const scatterAddOp: Op<{ readonly rows: number }> = {
  name: 'scatterAdd',
  infer: ([g, index], { rows }) => {
    needIndex(index.dtype)
    return [{ shape: [rows, ...g.shape.slice(index.shape.length)], dtype: g.dtype }]
  },
  vjp: ([g], { inputs: [, index] }) => [gather(g!, index), undefined],
  reference: ([g, index], { rows }, [out]) => {
    const row = sizeOf(out.shape.slice(1))
    const result = new Float64Array(sizeOf(out.shape))
    index.data.forEach((r, i) => {
      if (r < 0 || r >= rows) return
      for (let j = 0; j < row; j++) result[r * row + j] += g.data[i * row + j]
    })
    return [result]
  },
  flops: ([g]) => sizeOf(g.shape),
}

/** Rows of `x` by index: an embedding look-up. `index` is i32; indices outside give zeros. */
export function gather(x: Tensor, index: Tensor): Tensor {
  return apply1(gatherOp, [x, index], {})
}
