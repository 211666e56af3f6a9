import { pad } from '@scanline/tensor'
import { channelCounts, of, type Sample } from './sample.js'

export const padSamples: readonly Sample[] = [
  ...channelCounts.map(
    (c): Sample => ({
      op: 'pad',
      name: `image of ${c} channels`,
      inputs: [of([1, 3, 5, c])],
      run: (x) => pad(x, { before: [0, 1, 2, 0], after: [0, 3, 0, 0] }),
    }),
  ),
  { op: 'pad', name: 'last axis', inputs: [of([5, 7])], run: (x) => pad(x, { before: [0, 1], after: [0, 2] }) },
  {
    op: 'pad',
    name: 'between elements',
    inputs: [of([5, 4, 3])],
    run: (x) => pad(x, { before: [1, 0, 2], after: [0, 1, 1], interior: [1, 2, 3] }),
  },
  { op: 'pad', name: 'nothing', inputs: [of([5, 4])], run: (x) => pad(x, { before: [0, 0], after: [0, 0] }) },
  { op: 'pad', name: 'of nothing', inputs: [of([0, 3])], run: (x) => pad(x, { before: [2, 0], after: [1, 1], value: 4 }) },
  {
    op: 'pad',
    name: 'between elements of nothing',
    inputs: [of([0])],
    run: (x) => pad(x, { before: [2], after: [1], interior: [3] }),
  },
  { op: 'pad', name: 'no axes', inputs: [of([])], run: (x) => pad(x, { before: [], after: [] }) },
  ...[Number.NEGATIVE_INFINITY, Number.NaN, 1.5].map(
    (value): Sample => ({
      op: 'pad',
      name: `with ${value}`,
      inputs: [of([3, 5])],
      run: (x) => pad(x, { before: [1, 1], after: [0, 2], value }),
      ...(Number.isFinite(value) ? {} : { noGradient: 'a loss of infinities has no differences' }),
    }),
  ),
  {
    op: 'pad',
    name: 'transposed',
    inputs: [of([5, 7], { view: 'transposed' })],
    run: (x) => pad(x, { before: [1, 1], after: [1, 1] }),
  },
  {
    op: 'pad',
    name: 'broadcast',
    inputs: [of([4, 3], { view: { broadcast: [0] } })],
    run: (x) => pad(x, { before: [0, 1], after: [1, 0], interior: [1, 0] }),
  },
  { op: 'pad', name: 'special values', inputs: [of([27], { fill: 'special' })], run: (x) => pad(x, { before: [1], after: [1] }) },
  {
    op: 'pad',
    name: 'u8 image',
    inputs: [of([3, 5, 3], { dtype: 'u8', fill: { from: 0, below: 256 } })],
    run: (x) => pad(x, { before: [1, 1, 0], after: [1, 1, 0], value: 114 }),
  },
  {
    op: 'pad',
    name: 'bf16',
    inputs: [of([3, 5], { dtype: 'bf16' })],
    run: (x) => pad(x, { before: [1, 1], after: [1, 1], value: 1.5 }),
  },
]
