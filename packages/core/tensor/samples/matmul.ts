import { apply1, matmul, matmulOp } from '@scanline/tensor'
import { epilogues } from './epilogues.js'
import { of, type Sample, type SampleInput } from './sample.js'

/** M, K, N: the awkward lengths in every place. */
const sizes: readonly (readonly [number, number, number])[] = [
  [1, 1, 1],
  [1, 7, 1],
  [3, 4, 5],
  [4, 4, 8],
  [5, 3, 7],
  [7, 9, 3],
  [8, 8, 8],
  [9, 5, 9],
  [15, 16, 17],
  [16, 15, 31],
  [17, 31, 15],
  [31, 17, 33],
  [33, 33, 16],
  [6, 2, 24],
  [2, 197, 4],
  [1, 341, 25],
  [49, 24, 48],
  [25, 96, 341],
  [196, 24, 96],
  [197, 24, 7],
  [197, 48, 1],
  [49, 1, 49],
  [0, 5, 7],
  [5, 0, 7],
  [5, 7, 0],
]

const views: readonly [string, SampleInput, SampleInput][] = [
  ['a transposed', of([9, 7], { view: 'transposed' }), of([7, 17])],
  ['b transposed', of([9, 7]), of([7, 17], { view: 'transposed' })],
  ['both transposed', of([33, 16], { view: 'transposed' }), of([16, 9], { view: 'transposed' })],
  ['a sliced', of([9, 8], { view: 'sliced' }), of([8, 5])],
  ['b sliced', of([9, 8]), of([8, 5], { view: 'sliced' })],
  ['every other column of a and b', of([5, 8], { view: 'strided' }), of([8, 9], { view: 'strided' })],
  ['unaligned a and b', of([7, 5], { view: 'offset' }), of([5, 9], { view: 'offset' })],
  ['one row repeated', of([9, 8], { view: { broadcast: [0] } }), of([8, 5])],
  ['one number repeated in a row', of([9, 8], { view: { broadcast: [1] } }), of([8, 5])],
  ['columns of b repeated', of([9, 8]), of([8, 5], { view: { broadcast: [1] } })],
  ['leading axes, one matrix', of([2, 3, 5, 8]), of([8, 9])],
  ['five axes, one matrix', of([2, 3, 1, 2, 8]), of([8, 9])],
  ['image of sliced channels, one matrix', of([2, 3, 5, 8], { view: 'sliced' }), of([8, 9])],
  ['leading axes, sliced, one matrix', of([2, 7, 24], { view: 'sliced' }), of([24, 9])],
  ['leading axes reversed, one matrix', of([3, 5, 8], { view: 'permuted' }), of([8, 9])],
  ['batch', of([3, 5, 8]), of([3, 8, 7])],
  ['batch of one row', of([4, 1, 9]), of([4, 9, 5])],
  ['batch, b transposed, as attention scores', of([2, 3, 17, 8]), of([2, 3, 8, 17], { view: 'transposed' })],
  ['batch, a transposed', of([3, 5, 8], { view: 'transposed' }), of([3, 8, 7], { view: 'sliced' })],
  ['batches that broadcast', of([2, 1, 3, 4]), of([5, 4, 3])],
  ['batch of nothing', of([0, 5, 8]), of([0, 8, 7])],
]

export const matmulSamples: readonly Sample[] = [
  ...sizes.map(
    ([m, k, n]): Sample => ({
      op: 'matmul',
      name: `M=${m} K=${k} N=${n}`,
      inputs: [of([m, k]), of([k, n])],
      run: (a, b) => matmul(a, b),
    }),
  ),
  ...views.map(([name, a, b]): Sample => ({ op: 'matmul', name, inputs: [a, b], run: (x, y) => matmul(x, y) })),
  {
    op: 'matmul',
    name: 'special values in a',
    inputs: [of([33, 9], { fill: 'sparse' }), of([9, 17])],
    run: (a, b) => matmul(a, b),
  },
  {
    op: 'matmul',
    name: 'special values in b, columns not a multiple of a tile',
    inputs: [of([5, 9]), of([9, 31], { fill: 'sparse' })],
    run: (a, b) => matmul(a, b),
  },
  {
    op: 'matmul',
    name: 'infinity in the last row and column',
    inputs: [
      of([5, 3], { fill: [...Array.from({ length: 14 }, () => 1), Number.POSITIVE_INFINITY] }),
      of([3, 5], { fill: [1, 2, -3] }),
    ],
    run: (a, b) => matmul(a, b),
    noGradient: 'infinities',
  },
  ...(['f16', 'bf16'] as const).map(
    (dtype): Sample => ({
      op: 'matmul',
      name: dtype,
      inputs: [of([7, 24], { dtype }), of([24, 9], { dtype })],
      run: (a, b) => matmul(a, b),
      optional: 'half precision',
    }),
  ),
  ...epilogues('matmul', [of([13, 10]), of([10, 18])], [13, 18], (inputs, epilogue) => apply1(matmulOp, inputs, { epilogue })),
  ...epilogues('matmul', [of([2, 7, 5]), of([5, 9])], [2, 7, 9], (inputs, epilogue) =>
    apply1(matmulOp, inputs, { epilogue }),
  ).map((s) => ({ ...s, name: `leading axes, ${s.name}` })),
  ...epilogues('matmul', [of([3, 0]), of([0, 5])], [3, 5], (inputs, epilogue) => apply1(matmulOp, inputs, { epilogue })).map(
    (s) => ({
      ...s,
      name: `K=0, ${s.name}`,
    }),
  ),
]
