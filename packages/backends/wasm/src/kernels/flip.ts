import { bytesPerElement, contiguousStrides } from '@scanline/tensor'
import { defineKernel, type Split, split } from '../kernel.js'
import { emitMove, type Move, planMove } from '../move.js'
import { movable, refuseTypes } from '../refuse.js'

interface FlipParams extends Split {
  readonly move: Move
}

/** A move that starts at the last element of the flipped axes and steps backwards. */
export const flip = defineKernel<FlipParams>({
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
    const move = planMove(shape, bytesPerElement[dtype], from, { strides: contiguousStrides(shape), offset: 0 })
    return { kernel: 'flip', params: { ...split(move.items, move.cost), move } }
  },
  emit: (k, { move }) => k.define(2, (f, [input, output], { begin, end }) => emitMove(f, move, input, output, begin, end)),
})
