import { bytesPerElement, contiguousStrides, type TensorSpec } from '@scanline/tensor'
import { defineKernel, type LaunchOf, type Split, split } from '../kernel.js'
import { emitMove, type Move, planMove } from '../move.js'
import { movable, refuseTypes } from '../refuse.js'

interface CopyParams extends Split {
  readonly move: Move
}

/** The launch that makes `input` contiguous. */
export function copyLaunch({ shape, dtype, strides }: TensorSpec): LaunchOf<CopyParams> {
  const move = planMove(shape, bytesPerElement[dtype], { strides, offset: 0 }, { strides: contiguousStrides(shape), offset: 0 })
  return { kernel: 'copy', params: { ...split(move.items, move.cost), move } }
}

/** A strided tensor of any type made contiguous. */
export const copy = defineKernel<CopyParams>({
  name: 'copy',
  op: 'copy',
  select: (call) => refuseTypes(call, movable) ?? copyLaunch(call.inputs[0]),
  emit: (k, { move }) => k.define(2, (f, [input, output], { begin, end }) => emitMove(f, move, input, output, begin, end)),
})
