import { bytesPerElement, contiguousStrides } from '@scanline/tensor'
import { i32, maxS, minS } from '../assembler/index.js'
import { defineKernel, type Split, split } from '../kernel.js'
import { emitMove, type Move, planMove } from '../move.js'
import { movable, refuseTypes } from '../refuse.js'

interface ConcatParams extends Split {
  /** One for each input; their items are counted through. */
  readonly moves: readonly Move[]
}

/** Inputs of any layout and type, each moved to its place. */
export const concat = defineKernel<ConcatParams>({
  name: 'concat',
  op: 'concat',
  select: (call) => {
    const refusal = refuseTypes(call, movable)
    if (refusal) return refusal
    const axis = call.attrs.axis as number
    const strides = contiguousStrides(call.outputs[0].shape)
    let at = 0
    const moves = call.inputs.map((x) => {
      const to = { strides, offset: at * strides[axis] }
      at += x.shape[axis]
      return planMove(x.shape, bytesPerElement[x.dtype], { strides: x.strides, offset: 0 }, to)
    })
    const items = moves.reduce((n, move) => n + move.items, 0)
    const cost = moves.reduce((n, move) => n + move.items * move.cost, 0) / Math.max(1, items)
    return { kernel: 'concat', params: { ...split(items, cost), moves } }
  },
  emit: (k, { moves }) =>
    k.define(moves.length + 1, (f, pointers, { begin, end }) => {
      const output = pointers[moves.length]
      let before = 0
      moves.forEach((move, n) => {
        const first = f.let(maxS(i32.sub(begin, before), 0))
        const last = f.let(minS(i32.sub(end, before), move.items))
        f.if(i32.lt_s(first, last), () => emitMove(f, move, pointers[n], output, first, last))
        before += move.items
      })
    }),
})
