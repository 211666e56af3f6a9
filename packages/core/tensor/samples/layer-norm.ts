import { layerNorm } from '@scanline/tensor'
import { channelCounts, of, type Sample } from './sample.js'

const eps = 1e-6

/** One channel gives 0 and two give ±1, whatever goes in. */
const flat = { noGradient: 'constant but for eps: only rounding to compare' }

export const layerNormSamples: readonly Sample[] = [
  ...channelCounts.map(
    (c): Sample => ({
      op: 'layerNorm',
      name: `${c} channels, affine`,
      inputs: [of([7, c]), of([c]), of([c])],
      run: (x, w, b) => layerNorm(x, w, b, eps),
      ...(c <= 2 ? flat : {}),
    }),
  ),
  ...[2, 5, 16, 33, 96].map(
    (c): Sample => ({
      op: 'layerNorm',
      name: `${c} channels, plain`,
      inputs: [of([2, 3, c])],
      run: (x) => layerNorm(x, undefined, undefined, eps),
      ...(c <= 2 ? flat : {}),
    }),
  ),
  { op: 'layerNorm', name: '197 rows', inputs: [of([197, 24]), of([24]), of([24])], run: (x, w, b) => layerNorm(x, w, b, eps) },
  { op: 'layerNorm', name: 'one row, eps 1e-5', inputs: [of([31])], run: (x) => layerNorm(x, undefined, undefined, 1e-5) },
  { op: 'layerNorm', name: 'no rows', inputs: [of([0, 8]), of([8]), of([8])], run: (x, w, b) => layerNorm(x, w, b, eps) },
  {
    op: 'layerNorm',
    name: 'sliced rows',
    inputs: [of([7, 24], { view: 'sliced' }), of([24], { view: 'offset' }), of([24], { view: 'strided' })],
    run: (x, w, b) => layerNorm(x, w, b, eps),
  },
  {
    op: 'layerNorm',
    name: 'transposed rows',
    inputs: [of([3, 9, 17], { view: 'transposed' }), of([17]), of([17], { view: { broadcast: [0] } })],
    run: (x, w, b) => layerNorm(x, w, b, eps),
  },
  {
    op: 'layerNorm',
    name: 'one row repeated',
    inputs: [of([4, 9], { view: { broadcast: [0] } })],
    run: (x) => layerNorm(x, undefined, undefined, eps),
  },
  {
    op: 'layerNorm',
    name: 'rows of equal numbers',
    inputs: [of([5, 8], { fill: [3] }), of([8]), of([8])],
    run: (x, w, b) => layerNorm(x, w, b, eps),
    noGradient: 'so steep at eps 1e-6 that a difference means nothing',
  },
  {
    op: 'layerNorm',
    name: 'mean a hundred times the deviation',
    inputs: [of([5, 48], { fill: { from: 10000, below: 10200 } })],
    run: (x) => layerNorm(x, undefined, undefined, eps),
    noGradient: 'cancellation leaves too few digits',
    tolerance: {
      l2: 1e-4,
      element: 1e-4,
      floor: 'rms',
      reason: 'subtracting a mean of 1e4 from f32 numbers loses two digits; E[x²] - E[x]² would lose four and fails here',
    },
  },
  {
    op: 'layerNorm',
    name: 'special values',
    inputs: [of([16, 24], { fill: 'sparse' })],
    run: (x) => layerNorm(x, undefined, undefined, eps),
  },
]
