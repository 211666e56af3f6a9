import { bytesPerElement, contiguousStrides, type Launch, type TensorSpec } from '@scanline/tensor'
import type { KernelSpec } from '../kernel.js'
import { planMove } from '../move.js'
import { movable, refuseTypes } from '../refuse.js'

/** The launch that makes `input` contiguous. */
export function copyLaunch({ shape, dtype, strides }: TensorSpec): Launch {
  const to = { strides: contiguousStrides(shape), offset: 0 }
  return { kernel: 'copy', params: planMove(shape, bytesPerElement[dtype], { strides, offset: 0 }, to) }
}

/** A strided tensor of any type made contiguous. */
export const copy: KernelSpec = {
  name: 'copy',
  op: 'copy',
  select: (call) => refuseTypes(call, movable) ?? copyLaunch(call.inputs[0]),
}
