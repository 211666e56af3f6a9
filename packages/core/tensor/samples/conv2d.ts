import { apply1, conv2d, conv2dOp, type Tensor, type WindowOptions, windowAttrs } from '@scanline/tensor'
import { epilogues } from './epilogues.js'
import { of, type Sample, type SampleInput } from './sample.js'

interface Case extends WindowOptions {
  readonly x: readonly [number, number, number, number]
  /** Filters, kernel height and width. */
  readonly w: readonly [number, number, number]
  readonly groups?: number
}

const geometry: readonly Case[] = [
  { x: [1, 1, 1, 1], w: [1, 1, 1] },
  { x: [1, 7, 7, 3], w: [5, 1, 1] },
  { x: [1, 9, 9, 3], w: [24, 3, 3], stride: 2, padding: 1 },
  { x: [2, 8, 7, 24], w: [17, 3, 3], stride: 2, padding: 1 },
  { x: [1, 5, 5, 24], w: [48, 3, 3], padding: 1 },
  { x: [1, 16, 16, 3], w: [9, 4, 4], stride: 4 },
  { x: [1, 15, 17, 4], w: [8, 7, 7], stride: 2, padding: 3 },
  { x: [3, 4, 5, 1], w: [2, 2, 3] },
  { x: [1, 4, 4, 2], w: [3, 3, 3], padding: 2 },
  { x: [1, 6, 5, 5], w: [4, 3, 2], padding: [0, 2, 1, 0], stride: [1, 2] },
  { x: [1, 9, 9, 4], w: [7, 3, 3], dilation: 2 },
  { x: [1, 8, 8, 2], w: [1, 3, 3], dilation: [3, 1], padding: [3, 1] },
  { x: [1, 3, 3, 16], w: [33, 3, 3], padding: 1 },
  { x: [1, 2, 2, 96], w: [15, 2, 2], stride: 2 },
  { x: [1, 4, 4, 31], w: [16, 1, 1], stride: 2 },
  { x: [0, 4, 4, 3], w: [5, 3, 3], padding: 1 },
  { x: [1, 5, 5, 6], w: [9, 3, 3], groups: 3, padding: 1 },
]

const describe = ({ x, w, stride = 1, padding = 0, dilation = 1, groups = 1 }: Case): string =>
  `${x.join('x')}, ${w[0]} filters ${w[1]}x${w[2]}, stride ${stride}, padding ${padding}, dilation ${dilation}, groups ${groups}`

const weight = ({ x, w: [filters, kh, kw], groups = 1 }: Case): SampleInput => of([filters, x[3] / groups, kh, kw])

export const conv2dSamples: readonly Sample[] = [
  ...geometry.map(
    (shape): Sample => ({
      op: 'conv2d',
      name: describe(shape),
      inputs: [of(shape.x), weight(shape)],
      run: (x, w) => conv2d(x, w, undefined, shape),
    }),
  ),
  {
    op: 'conv2d',
    name: 'bias',
    inputs: [of([1, 7, 7, 3]), of([9, 3, 3, 3]), of([9])],
    run: (x, w, b) => conv2d(x, w, b, { stride: 2, padding: 1 }),
  },
  {
    op: 'conv2d',
    name: 'image with channels first in memory',
    inputs: [of([3, 9, 8, 3], { view: 'permuted' }), of([7, 3, 3, 3])],
    run: (x, w) => conv2d(x, w, undefined, { stride: 2, padding: 1 }),
  },
  {
    op: 'conv2d',
    name: 'some of the channels',
    inputs: [of([1, 5, 6, 7], { view: 'sliced' }), of([4, 7, 3, 3], { view: 'offset' })],
    run: (x, w) => conv2d(x, w, undefined, { padding: 1 }),
  },
  {
    op: 'conv2d',
    name: 'one image repeated',
    inputs: [of([3, 5, 5, 4], { view: { broadcast: [0] } }), of([5, 4, 3, 3], { view: 'transposed' })],
    run: (x, w) => conv2d(x, w, undefined, { padding: 1 }),
  },
  {
    op: 'conv2d',
    name: 'special values',
    inputs: [of([1, 9, 9, 4], { fill: 'sparse' }), of([5, 4, 3, 3])],
    run: (x, w) => conv2d(x, w, undefined, { padding: 1 }),
  },
  {
    op: 'conv2d',
    name: 'f16',
    inputs: [of([1, 5, 5, 4], { dtype: 'f16' }), of([3, 4, 3, 3], { dtype: 'f16' })],
    run: (x, w) => conv2d(x, w),
    optional: 'half precision',
  },
  ...epilogues('conv2d', [of([2, 4, 3, 5]), of([9, 5, 3, 3])], [2, 4, 3, 9], (inputs: Tensor[], epilogue) =>
    apply1(conv2dOp, inputs, { ...windowAttrs({ padding: 1 }), epilogue }),
  ),
]
