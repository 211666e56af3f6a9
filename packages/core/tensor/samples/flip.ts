import { flip } from '@scanline/tensor'
import { awkwardLengths, of, type Sample } from './sample.js'

export const flipSamples: readonly Sample[] = [
  ...awkwardLengths.map(
    (n): Sample => ({ op: 'flip', name: `last axis, ${n}`, inputs: [of([2, n])], run: (x) => flip(x, [-1]) }),
  ),
  { op: 'flip', name: 'middle axis', inputs: [of([2, 7, 5])], run: (x) => flip(x, [1]) },
  { op: 'flip', name: 'first and last axis', inputs: [of([3, 4, 5])], run: (x) => flip(x, [0, 2]) },
  { op: 'flip', name: 'no axis', inputs: [of([3, 4])], run: (x) => flip(x, []) },
  { op: 'flip', name: 'transposed', inputs: [of([7, 9], { view: 'transposed' })], run: (x) => flip(x, [0]) },
  { op: 'flip', name: 'broadcast', inputs: [of([4, 5], { view: { broadcast: [0] } })], run: (x) => flip(x, [0, 1]) },
  { op: 'flip', name: 'sliced', inputs: [of([4, 5], { view: 'sliced' })], run: (x) => flip(x, [1]) },
  { op: 'flip', name: 'special values', inputs: [of([27], { fill: 'special' })], run: (x) => flip(x, [0]) },
  {
    op: 'flip',
    name: 'u8 image',
    inputs: [of([5, 7, 3], { dtype: 'u8', fill: { from: 0, below: 256 } })],
    run: (x) => flip(x, [1]),
  },
]
