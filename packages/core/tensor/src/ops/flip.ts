import { apply1 } from '../dispatch.js'
import type { Op } from '../op.js'
import { contiguousStrides, resolveAxis } from '../shape.js'
import type { Tensor } from '../tensor.js'

export const flipOp: Op<{ readonly axes: readonly number[] }> = {
  name: 'flip',
  infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
  vjp: ([g], { attrs: { axes } }) => [flip(g!, axes)],
  reference: ([x], { axes }) => {
    const strides = contiguousStrides(x.shape)
    return [
      x.data.map((_, i) => {
        let at = i
        for (const a of axes) {
          const k = Math.floor(i / strides[a]) % x.shape[a]
          at += (x.shape[a] - 1 - 2 * k) * strides[a]
        }
        return x.data[at]
      }),
    ]
  },
  flops: () => 0,
}

/** The order of elements reversed along the axes. */
export function flip(x: Tensor, axes: readonly number[]): Tensor {
  return apply1(flipOp, [x], { axes: [...new Set(axes.map((a) => resolveAxis(a, x.rank)))] })
}
