import { concat, split } from '@scanline/tensor'
import { channelCounts, of, type Sample } from './sample.js'

export const concatSamples: readonly Sample[] = [
  ...channelCounts.map(
    (c): Sample => ({
      op: 'concat',
      name: `last axis, ${c} and 3`,
      inputs: [of([3, 7, c]), of([3, 7, 3])],
      run: (a, b) => concat([a, b]),
    }),
  ),
  { op: 'concat', name: 'first axis', inputs: [of([1, 9]), of([7, 9]), of([4, 9])], run: (...parts) => concat(parts, 0) },
  { op: 'concat', name: 'middle axis', inputs: [of([2, 1, 5]), of([2, 16, 5])], run: (a, b) => concat([a, b], 1) },
  { op: 'concat', name: 'an empty part', inputs: [of([5, 0]), of([5, 4])], run: (a, b) => concat([a, b]) },
  { op: 'concat', name: 'only empty parts', inputs: [of([0, 3]), of([0, 4])], run: (a, b) => concat([a, b]) },
  {
    op: 'concat',
    name: 'views: sliced, strided, broadcast',
    inputs: [
      of([5, 4, 7], { view: 'sliced' }),
      of([5, 4, 9], { view: 'strided' }),
      of([5, 4, 2], { view: { broadcast: [0, 2] } }),
    ],
    run: (...parts) => concat(parts),
  },
  {
    op: 'concat',
    name: 'views: transposed, permuted, offset',
    inputs: [of([4, 8], { view: 'transposed' }), of([3, 8], { view: 'permuted' }), of([5, 8], { view: 'offset' })],
    run: (...parts) => concat(parts, 0),
  },
  {
    op: 'concat',
    name: 'more parts than a device binds',
    inputs: [of([3, 70])],
    run: (x) => concat(split(x, new Array<number>(70).fill(1)).reverse()),
  },
  { op: 'concat', name: 'one tensor twice', inputs: [of([3, 5])], run: (x) => concat([x, x]) },
  {
    op: 'concat',
    name: 'special values',
    inputs: [of([1, 25], { fill: 'special' }), of([1, 25], { fill: 'denormal' })],
    run: (a, b) => concat([a, b]),
  },
  {
    op: 'concat',
    name: 'i32',
    inputs: [of([7], { dtype: 'i32', fill: [-1, 2 ** 31 - 1] }), of([2], { dtype: 'i32', fill: [-(2 ** 31)] })],
    run: (a, b) => concat([a, b]),
  },
  {
    op: 'concat',
    name: 'u8 with odd lengths',
    inputs: [of([3, 5], { dtype: 'u8', fill: { from: 0, below: 256 } }), of([3, 2], { dtype: 'u8', fill: [7] })],
    run: (a, b) => concat([a, b]),
  },
]
