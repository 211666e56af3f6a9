import { sizeOf } from '@scanline/tensor'
import { type FunctionBuilder, f32, f32x4, i32, type Local } from '../assembler/index.js'
import { defineKernel, type KernelBuilder, type Split, split } from '../kernel.js'
import { collapse, element, offsets } from '../layout.js'
import { innermostContiguous, packInputs } from '../pack-inputs.js'
import { refuseTypes } from '../refuse.js'
import { eachVector, fold, keepLanes, sumLanes } from '../vectors.js'

interface LayerNormParams extends Split {
  readonly channels: number
  readonly eps: number
  readonly affine: boolean
  /** Axes of the rows, and their strides in the input. */
  readonly dims: readonly number[]
  readonly strides: readonly number[]
}

/**
 * Sums side by side, to hide the latency of an addition and of what follows the last one: of four rows, or where rows
 * are long, four of one row, which also keeps each sum short.
 */
const sums = 4
const longRow = 512

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
  emit: (k, params) =>
    k.define(params.affine ? 4 : 2, (f, pointers, { begin, end }) => {
      const together = params.channels > longRow ? 1 : sums
      const normalize = (row: Local<'i32'>, count: number) => emitRows(k, f, params, pointers, row, count)
      const last = f.let(i32.sub(end, i32.rem_u(i32.sub(end, begin), together)))
      f.for(begin, last, together, (row) => normalize(row, together))
      if (together > 1) f.for(last, end, 1, (row) => normalize(row, 1))
    }),
})

/** `count` rows from `first`, step by step together. */
function emitRows(
  k: KernelBuilder,
  f: FunctionBuilder,
  { channels, eps, affine, dims, strides }: LayerNormParams,
  pointers: readonly Local<'i32'>[],
  first: Local<'i32'>,
  count: number,
): void {
  const [x, weight, bias] = pointers
  const output = pointers[pointers.length - 1]
  const zero = f32x4.const(0)
  const width = channels > longRow ? sums : 1
  const rows = Array.from({ length: count }, (_, n) => {
    const row = n === 0 ? first : f.let(i32.add(first, n))
    const [from] = offsets(f, row, dims, [strides])
    return {
      source: f.let(element(x, from, 4)),
      target: f.let(element(output, row, 4 * channels)),
      sums: Array.from({ length: width }, () => f.let(zero)),
    }
  })
  const means = () => rows.map((row) => f32.div(sumLanes(f, fold(row.sums, f32x4.add)), channels))
  eachVector(f, channels, sums, (spot) => {
    for (const row of rows) {
      const sum = row.sums[spot.slot % width]
      f.set(sum, f32x4.add(sum, keepLanes(spot.load(row.source), zero, spot.lanes)))
    }
  })
  const centres = means().map((mean) => f.let(f32x4.splat(mean)))
  for (const row of rows) for (const sum of row.sums) f.set(sum, zero)
  eachVector(f, channels, sums, (spot) => {
    rows.forEach((row, n) => {
      const sum = row.sums[spot.slot % width]
      const centred = f.let(keepLanes(f32x4.sub(spot.load(row.source), centres[n]), zero, spot.lanes))
      f.set(sum, k.madd(centred, centred, sum))
    })
  })
  const scales = means().map((variance) => f.let(f32x4.splat(f32.div(1, f32.sqrt(f32.add(variance, eps))))))
  eachVector(f, channels, sums, (spot) => {
    const affinity = affine ? { weight: f.let(spot.load(weight)), bias: f.let(spot.load(bias)) } : undefined
    rows.forEach((row, n) => {
      const normal = f32x4.mul(f32x4.sub(spot.load(row.source), centres[n]), scales[n])
      const y = affinity ? k.madd(normal, affinity.weight, affinity.bias) : normal
      f.store.lanes(spot.address(row.target), y, spot.lanes, spot.offset())
    })
  })
}
