import {
  apply1,
  conv2d,
  depthwiseConv2dInputGradOp,
  depthwiseConv2dOp,
  depthwiseConv2dWeightGradOp,
  type WindowOptions,
  windowAttrs,
} from '@scanline/tensor'
import { epilogues } from './epilogues.js'
import { channelCounts, of, type Sample } from './sample.js'

interface Case extends WindowOptions {
  readonly x: readonly [number, number, number, number]
  readonly kernel: readonly [number, number]
}

const geometry: readonly Case[] = [
  ...channelCounts.map((c): Case => ({ x: [1, 7, 8, c], kernel: [7, 7], padding: 3 })),
  ...[1, 4, 7, 24].map((c): Case => ({ x: [2, 5, 6, c], kernel: [3, 3], padding: 1 })),
  { x: [1, 1, 1, 5], kernel: [7, 7], padding: 3 },
  { x: [1, 2, 17, 8], kernel: [7, 7], padding: 3 },
  { x: [2, 15, 4, 16], kernel: [7, 7], padding: 3 },
  { x: [1, 9, 9, 4], kernel: [7, 7] },
  { x: [1, 9, 8, 12], kernel: [3, 3], padding: 1, stride: 2 },
  { x: [1, 9, 9, 3], kernel: [5, 5], padding: 2, stride: [2, 1] },
  { x: [1, 11, 9, 6], kernel: [3, 3], dilation: 2, padding: 2 },
  { x: [1, 6, 7, 9], kernel: [1, 7], padding: [0, 3] },
  { x: [1, 6, 7, 9], kernel: [4, 2], padding: [1, 2, 0, 1] },
  { x: [1, 3, 3, 4], kernel: [1, 1] },
  { x: [0, 5, 5, 8], kernel: [3, 3], padding: 1 },
]

const describe = ({ x, kernel, stride = 1, padding = 0, dilation = 1 }: Case): string =>
  `${x.join('x')}, ${kernel.join('x')}, stride ${stride}, padding ${padding}, dilation ${dilation}`

/** The output's shape. */
function outputOf({ x: [n, h, w, c], kernel, ...window }: Case): number[] {
  const { stride, padding, dilation } = windowAttrs(window)
  const length = (d: number, k: number, pad: number, axis: number) =>
    Math.floor((d + pad - dilation[axis] * (k - 1) - 1) / stride[axis]) + 1
  return [n, length(h, kernel[0], padding[0] + padding[1], 0), length(w, kernel[1], padding[2] + padding[3], 1), c]
}

const attrsOf = ({ stride, padding, dilation }: Case) =>
  windowAttrs({ ...(stride && { stride }), ...(padding && { padding }), ...(dilation && { dilation }) })

export const depthwiseConv2dSamples: readonly Sample[] = [
  ...geometry.map(
    (shape): Sample => ({
      op: 'depthwiseConv2d',
      name: describe(shape),
      inputs: [of(shape.x), of([shape.x[3], 1, ...shape.kernel])],
      run: (x, w) => apply1(depthwiseConv2dOp, [x, w], attrsOf(shape)),
    }),
  ),
  ...geometry.map(
    (shape): Sample => ({
      op: 'depthwiseConv2dInputGrad',
      name: describe(shape),
      inputs: [of(outputOf(shape)), of([shape.x[3], 1, ...shape.kernel])],
      run: (g, w) => apply1(depthwiseConv2dInputGradOp, [g, w], { ...attrsOf(shape), shape: shape.x }),
    }),
  ),
  ...geometry.map(
    (shape): Sample => ({
      op: 'depthwiseConv2dWeightGrad',
      name: describe(shape),
      inputs: [of(shape.x), of(outputOf(shape))],
      run: (x, g) => apply1(depthwiseConv2dWeightGradOp, [x, g], { ...attrsOf(shape), shape: [shape.x[3], 1, ...shape.kernel] }),
    }),
  ),
  {
    op: 'depthwiseConv2d',
    name: 'through conv2d, with bias',
    inputs: [of([1, 6, 6, 5]), of([5, 1, 3, 3]), of([5])],
    run: (x, w, b) => conv2d(x, w, b, { groups: 5, padding: 1 }),
  },
  {
    op: 'depthwiseConv2d',
    name: 'some of the channels, as in a gated block',
    inputs: [of([1, 7, 7, 24], { view: 'sliced' }), of([24, 1, 7, 7])],
    run: (x, w) => apply1(depthwiseConv2dOp, [x, w], windowAttrs({ padding: 3 })),
  },
  {
    op: 'depthwiseConv2d',
    name: 'channels first in memory',
    inputs: [of([2, 6, 5, 4], { view: 'permuted' }), of([4, 1, 3, 3], { view: 'offset' })],
    run: (x, w) => apply1(depthwiseConv2dOp, [x, w], windowAttrs({ padding: 1 })),
  },
  {
    op: 'depthwiseConv2d',
    name: 'one pixel and one filter repeated',
    inputs: [of([1, 5, 5, 8], { view: { broadcast: [1, 2] } }), of([8, 1, 3, 3], { view: { broadcast: [0] } })],
    run: (x, w) => apply1(depthwiseConv2dOp, [x, w], windowAttrs({ padding: 1 })),
  },
  {
    op: 'depthwiseConv2d',
    name: 'special values',
    inputs: [of([1, 9, 9, 7], { fill: 'sparse' }), of([7, 1, 3, 3])],
    run: (x, w) => apply1(depthwiseConv2dOp, [x, w], windowAttrs({ padding: 1 })),
  },
  {
    op: 'depthwiseConv2dWeightGrad',
    name: 'strided image and gradient',
    inputs: [of([2, 6, 6, 5], { view: 'sliced' }), of([2, 6, 6, 5], { view: 'permuted' })],
    run: (x, g) => apply1(depthwiseConv2dWeightGradOp, [x, g], { ...windowAttrs({ padding: 1 }), shape: [5, 1, 3, 3] }),
  },
  {
    op: 'depthwiseConv2dInputGrad',
    name: 'one gradient everywhere, as a sum gives',
    inputs: [of([1, 6, 6, 5], { view: { broadcast: [0, 1, 2, 3] } }), of([5, 1, 3, 3])],
    run: (g, w) => apply1(depthwiseConv2dInputGradOp, [g, w], { ...windowAttrs({ padding: 1 }), shape: [1, 6, 6, 5] }),
  },
  ...epilogues('depthwiseConv2d', [of([2, 5, 4, 9]), of([9, 1, 7, 7])], [2, 5, 4, 9], (inputs, epilogue) =>
    apply1(depthwiseConv2dOp, inputs, { ...windowAttrs({ padding: 3 }), epilogue }),
  ),
]
