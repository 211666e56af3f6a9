import { sizeOf } from '@scanline/tensor'
import { f32, f32x4, type Local } from '../assembler/index.js'
import { defineKernel, type Split, split } from '../kernel.js'
import { collapse, element, offsets } from '../layout.js'
import { innermostContiguous, packInputs, refuseTypes } from '../select.js'
import { eachVector, fold, keepLanes, sumLanes } from '../vectors.js'

interface LayerNormParams extends Split {
  readonly channels: number
  readonly eps: number
  readonly affine: boolean
  /** Axes of the rows, and their strides in the input. */
  readonly dims: readonly number[]
  readonly strides: readonly number[]
}

/** Sums side by side: enough to hide the latency of an addition. */
const sums = 4

/** Two passes over a row that stays in the nearest cache (mean, then variance about it), and a third that writes. */
export const layerNorm = defineKernel<LayerNormParams>({
  name: 'layerNorm',
  op: 'layerNorm',
  select: (call) => {
    const refusal = refuseTypes(call, ['f32'])
    if (refusal) return refusal
    const [x] = call.inputs
    const channels = x.shape.at(-1)!
    const direct = innermostContiguous(x)
    const outer = x.shape.slice(0, -1)
    const { dims, strides } = direct
      ? collapse(outer, [x.strides.slice(0, -1)])
      : { dims: [sizeOf(outer)], strides: [[channels]] }
    return {
      kernel: 'layerNorm',
      params: {
        ...split(channels === 0 ? 0 : sizeOf(outer), 30 + 2 * channels),
        channels,
        eps: call.attrs.eps as number,
        affine: call.inputs.length > 1,
        dims,
        strides: strides[0],
      },
      ...packInputs(call.inputs, (t) => !innermostContiguous(t)),
    }
  },
  emit: (k, { channels, eps, affine, dims, strides }) =>
    k.define(affine ? 4 : 2, (f, pointers, { begin, end }) => {
      const [x, weight, bias] = pointers
      const output = pointers[pointers.length - 1]
      const zero = f32x4.const(0)
      const accumulators = Array.from({ length: sums }, () => f.local('v128'))
      const total = () => f32.div(sumLanes(f, fold(accumulators, f32x4.add)), channels)
      const restart = () => {
        for (const sum of accumulators) f.set(sum, zero)
      }
      f.for(begin, end, 1, (row) => {
        const [from] = offsets(f, row, dims, [strides])
        const source = f.let(element(x, from, 4))
        const target = f.let(element(output, row, 4 * channels))
        restart()
        eachVector(f, channels, sums, (spot) => {
          const sum = accumulators[spot.slot % sums]
          f.set(sum, f32x4.add(sum, keepLanes(spot.load(source), zero, spot.lanes)))
        })
        const mean: Local<'v128'> = f.let(f32x4.splat(total()))
        restart()
        eachVector(f, channels, sums, (spot) => {
          const sum = accumulators[spot.slot % sums]
          const centred = f.let(keepLanes(f32x4.sub(spot.load(source), mean), zero, spot.lanes))
          f.set(sum, k.madd(centred, centred, sum))
        })
        const scale = f.let(f32x4.splat(f32.div(1, f32.sqrt(f32.add(total(), eps)))))
        eachVector(f, channels, sums, (spot) => {
          const normal = f32x4.mul(f32x4.sub(spot.load(source), mean), scale)
          const y = affine ? k.madd(normal, spot.load(weight), spot.load(bias)) : normal
          f.store.lanes(spot.address(target), y, spot.lanes, spot.offset())
        })
      })
    }),
})
