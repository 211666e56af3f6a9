import { apply1, type DType, gather, scatterAddOp } from '@scanline/tensor'
import { channelCounts, of, type Sample, type SampleInput } from './sample.js'

const index = (shape: readonly number[], below: number, rest: Omit<SampleInput, 'shape'> = {}): SampleInput =>
  of(shape, { dtype: 'i32', fill: { from: 0, below }, ...rest })

export const gatherSamples: readonly Sample[] = [
  ...channelCounts.map(
    (c): Sample => ({ op: 'gather', name: `rows of ${c}`, inputs: [of([9, c]), index([7], 9)], run: (x, i) => gather(x, i) }),
  ),
  {
    op: 'gather',
    name: 'rows outside are zero',
    inputs: [of([5, 4]), index([9], 0, { fill: [-1, 5, 4, 0, -7, 1000] })],
    run: (x, i) => gather(x, i),
  },
  {
    op: 'gather',
    name: 'index of two axes, rows of two',
    inputs: [of([6, 3, 5]), index([2, 7], 6)],
    run: (x, i) => gather(x, i),
  },
  { op: 'gather', name: 'index without axes', inputs: [of([6, 8]), index([], 6)], run: (x, i) => gather(x, i) },
  { op: 'gather', name: 'numbers', inputs: [of([31]), index([33], 31)], run: (x, i) => gather(x, i) },
  { op: 'gather', name: 'no row asked for', inputs: [of([6, 8]), index([0], 6)], run: (x, i) => gather(x, i) },
  { op: 'gather', name: 'from nothing', inputs: [of([0, 8]), index([3], 1)], run: (x, i) => gather(x, i) },
  {
    op: 'gather',
    name: 'transposed rows, strided index',
    inputs: [of([6, 8], { view: 'transposed' }), index([7], 6, { view: 'strided' })],
    run: (x, i) => gather(x, i),
  },
  {
    op: 'gather',
    name: 'repeated row, repeated index',
    inputs: [of([6, 8], { view: { broadcast: [0] } }), index([5], 6, { view: { broadcast: [0] } })],
    run: (x, i) => gather(x, i),
  },
  { op: 'gather', name: 'special values', inputs: [of([9, 5], { fill: 'special' }), index([9], 9)], run: (x, i) => gather(x, i) },
  ...(['f16', 'u8', 'i32', 'i64'] as const satisfies readonly DType[]).map(
    (dtype): Sample => ({
      op: 'gather',
      name: dtype,
      inputs: [of([9, 5], { dtype, fill: { from: 0, below: 200 } }), index([7], 9)],
      run: (x, i) => gather(x, i),
    }),
  ),
  ...channelCounts.map(
    (c): Sample => ({
      op: 'scatterAdd',
      name: `rows of ${c}`,
      inputs: [of([17, c]), index([17], 5)],
      run: (g, i) => apply1(scatterAddOp, [g, i], { rows: 5 }),
    }),
  ),
  {
    op: 'scatterAdd',
    name: 'rows outside are dropped',
    inputs: [of([8, 3]), index([8], 0, { fill: [-1, 4, 0, 3, 99] })],
    run: (g, i) => apply1(scatterAddOp, [g, i], { rows: 4 }),
  },
  {
    op: 'scatterAdd',
    name: 'index of two axes, strided rows',
    inputs: [of([2, 7, 5], { view: 'sliced' }), index([2, 7], 6, { view: 'transposed' })],
    run: (g, i) => apply1(scatterAddOp, [g, i], { rows: 6 }),
  },
  {
    op: 'scatterAdd',
    name: 'nothing to add',
    inputs: [of([0, 5]), index([0], 1)],
    run: (g, i) => apply1(scatterAddOp, [g, i], { rows: 3 }),
  },
  {
    op: 'scatterAdd',
    name: 'one row everywhere',
    inputs: [of([9, 4], { view: { broadcast: [0] } }), index([9], 3)],
    run: (g, i) => apply1(scatterAddOp, [g, i], { rows: 3 }),
  },
]
