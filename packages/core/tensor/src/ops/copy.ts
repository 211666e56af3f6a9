import { apply1 } from '../dispatch.js'
import type { Op } from '../op.js'
import type { Tensor } from '../tensor.js'

export const copyOp: Op<Record<never, never>> = {
  name: 'copy',
  infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
  reference: ([x]) => [x.data.slice()],
  vjp: ([g]) => [g],
  flops: () => 0,
}

/** Row-major elements next to each other: another handle of the tensor where they already are. */
export function contiguous(x: Tensor): Tensor {
  return x.contiguous ? x.alias() : apply1(copyOp, [x], {})
}
