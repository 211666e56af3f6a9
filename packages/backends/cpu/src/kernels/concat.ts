import { bytesPerElement, contiguousStrides } from '@scanline/tensor'
import type { KernelSpec, Params } from '../kernel.js'
import { planMove } from '../move.js'
import { movable, refuseTypes } from '../refuse.js'

/** Inputs of any layout and type, each moved to its place. */
export const concat: KernelSpec = {
  name: 'concat',
  op: 'concat',
  select: (call) => {
    const refusal = refuseTypes(call, movable)
    if (refusal) return refusal
    const axis = call.attrs.axis as number
    const strides = contiguousStrides(call.outputs[0].shape)
    let at = 0
    const params: Params = call.inputs.map((x) => {
      const to = { strides, offset: at * strides[axis] }
      at += x.shape[axis]
      return planMove(x.shape, bytesPerElement[x.dtype], { strides: x.strides, offset: 0 }, to)
    })
    return { kernel: 'concat', params }
  },
}
