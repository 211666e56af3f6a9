import { add, broadcastTo, flatten, mul, permute, reshape, slice, split, squeeze, transpose, unsqueeze } from '@scanline/tensor'
import { of, type Sample } from './sample.js'

export const viewSamples: readonly Sample[] = [
  { op: 'reshape', name: 'contiguous', inputs: [of([4, 9])], run: (x) => reshape(x, [2, -1, 3]) },
  { op: 'reshape', name: 'transposed, so copied', inputs: [of([4, 9], { view: 'transposed' })], run: (x) => reshape(x, [-1]) },
  { op: 'reshape', name: 'sliced, rows split', inputs: [of([6, 5], { view: 'sliced' })], run: (x) => reshape(x, [2, 3, 5]) },
  {
    op: 'reshape',
    name: 'sliced, rows merged, so copied',
    inputs: [of([6, 5], { view: 'sliced' })],
    run: (x) => reshape(x, [5, 6]),
  },
  { op: 'reshape', name: 'broadcast', inputs: [of([3, 4, 5], { view: { broadcast: [0, 1] } })], run: (x) => reshape(x, [12, 5]) },
  {
    op: 'reshape',
    name: 'broadcast, so copied',
    inputs: [of([3, 4, 5], { view: { broadcast: [1] } })],
    run: (x) => reshape(x, [60]),
  },
  { op: 'reshape', name: 'empty', inputs: [of([0, 5])], run: (x) => reshape(x, [5, 0, 2]) },
  { op: 'reshape', name: 'to no axes and back', inputs: [of([1, 1])], run: (x) => reshape(reshape(x, []), [1]) },
  {
    op: 'reshape',
    name: 'flatten, squeeze, unsqueeze',
    inputs: [of([2, 3, 1, 4], { view: 'sliced' })],
    run: (x) => unsqueeze(flatten(squeeze(x, 2), 0, 1), 1),
  },
  {
    op: 'reshape',
    name: 'u8',
    inputs: [of([3, 5], { dtype: 'u8', fill: { from: 0, below: 256 }, view: 'transposed' })],
    run: (x) => reshape(x, [15]),
  },
  { op: 'permute', name: 'channels last', inputs: [of([2, 3, 5, 7])], run: (x) => permute(x, [0, 2, 3, 1]) },
  { op: 'permute', name: 'read by arithmetic', inputs: [of([7, 9]), of([9, 7])], run: (a, b) => add(transpose(a), b) },
  {
    op: 'permute',
    name: 'of a broadcast',
    inputs: [of([4, 3, 2], { view: { broadcast: [1] } })],
    run: (x) => permute(x, [1, 2, 0]),
  },
  { op: 'permute', name: 'empty', inputs: [of([3, 0, 2])], run: (x) => permute(x, [2, 0, 1]) },
  { op: 'broadcast', name: 'rows', inputs: [of([9])], run: (x) => broadcastTo(x, [7, 9]) },
  { op: 'broadcast', name: 'columns', inputs: [of([7, 1])], run: (x) => broadcastTo(x, [7, 9]) },
  { op: 'broadcast', name: 'both ways', inputs: [of([3, 1, 5, 1])], run: (x) => broadcastTo(x, [2, 3, 4, 5, 3]) },
  { op: 'broadcast', name: 'a single number', inputs: [of([])], run: (x) => broadcastTo(x, [3, 5]) },
  { op: 'broadcast', name: 'to nothing', inputs: [of([1, 5])], run: (x) => broadcastTo(x, [0, 5]) },
  { op: 'broadcast', name: 'special values', inputs: [of([1, 27], { fill: 'special' })], run: (x) => broadcastTo(x, [2, 27]) },
  { op: 'slice', name: 'first axis', inputs: [of([9, 5])], run: (x) => slice(x, 0, 2, 7) },
  { op: 'slice', name: 'last axis, from the end', inputs: [of([9, 7])], run: (x) => slice(x, -1, -4, -1) },
  { op: 'slice', name: 'with a step', inputs: [of([3, 17])], run: (x) => slice(x, 1, 1, 16, 4) },
  { op: 'slice', name: 'a step that does not divide', inputs: [of([3, 8])], run: (x) => slice(x, 1, 0, 8, 3) },
  { op: 'slice', name: 'of nothing', inputs: [of([0, 5], { view: 'sliced' })], run: (x) => slice(x, 1, 1, 3) },
  { op: 'slice', name: 'nothing', inputs: [of([5, 4])], run: (x) => slice(x, 1, 2, 2) },
  {
    op: 'slice',
    name: 'of a slice of a transposed',
    inputs: [of([9, 8], { view: 'transposed' })],
    run: (x) => slice(slice(x, 0, 1, 8), 1, 1, 8, 2),
  },
  {
    op: 'slice',
    name: 'split in three, used unequally',
    inputs: [of([5, 12])],
    run: (x) => {
      const [a, b, c] = split(x, [5, 4, 3])
      return [mul(a, 2), b, mul(c, c)]
    },
  },
]
