import { bytesPerElement, contiguousStrides } from '@scanline/tensor'
import type { KernelSpec } from '../kernel.js'
import { planMove } from '../move.js'
import { movable, refuseTypes } from '../refuse.js'

/** A copy that starts at the last element of the flipped axes and steps backwards. */
export const flip: KernelSpec = {
  name: 'flip',
  op: 'flip',
  select: (call) => {
    const refusal = refuseTypes(call, movable)
    if (refusal) return refusal
    const [{ shape, dtype, strides }] = call.inputs
    const axes = call.attrs.axes as readonly number[]
    const from = {
      strides: strides.map((s, axis) => (axes.includes(axis) ? -s : s)),
      offset: axes.reduce((n, axis) => n + (shape[axis] - 1) * strides[axis], 0),
    }
    return {
      kernel: 'copy',
      params: planMove(shape, bytesPerElement[dtype], from, { strides: contiguousStrides(shape), offset: 0 }),
    }
  },
}
