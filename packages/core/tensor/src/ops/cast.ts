import { apply1 } from '../dispatch.js'
import { type DType, isFloat } from '../dtype.js'
import type { Op } from '../op.js'
import type { Tensor } from '../tensor.js'

/** To another element type: rounds to nearest even, truncates towards zero for integers, `!= 0` for bool. */
export const castOp: Op<{ readonly dtype: DType }> = {
  name: 'cast',
  infer: ([x], { dtype }) => [{ shape: x.shape, dtype }],
  vjp: ([g], { inputs: [x] }) => [isFloat(x.dtype) ? cast(g!, x.dtype) : undefined],
  reference: ([x], { dtype }) => [dtype === 'i32' || dtype === 'i64' || dtype === 'u8' ? x.data.map(Math.trunc) : x.data.slice()],
  flops: () => 0,
}

/** `x` with another element type. */
export function cast(x: Tensor, dtype: DType): Tensor {
  return x.dtype === dtype ? x.alias() : apply1(castOp, [x], { dtype })
}
