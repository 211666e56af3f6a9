import { type ConvTranspose2dOptions, convTranspose2d } from '@scanline/tensor'
import { of, type Sample } from './sample.js'

interface Case extends ConvTranspose2dOptions {
  readonly x: readonly [number, number, number, number]
  /** Outputs for each group, kernel height and width. */
  readonly w: readonly [number, number, number]
}

const geometry: readonly Case[] = [
  { x: [2, 3, 5, 4], w: [6, 2, 2], stride: 2 },
  { x: [1, 4, 3, 5], w: [3, 3, 3], stride: 2, padding: 1, outputPadding: 1 },
  { x: [1, 5, 4, 3], w: [7, 4, 4], stride: 2, padding: 1 },
  { x: [2, 3, 3, 2], w: [4, 3, 2], stride: [3, 1], padding: [0, 1], outputPadding: [2, 0] },
  { x: [1, 4, 4, 3], w: [2, 3, 3], padding: 1, dilation: 2, outputPadding: 1 },
  { x: [1, 3, 3, 2], w: [3, 2, 2], stride: 4, outputPadding: 3 },
  { x: [1, 1, 1, 5], w: [1, 7, 7], padding: 3 },
  { x: [1, 4, 5, 6], w: [2, 3, 3], stride: 2, padding: 1, groups: 3 },
  { x: [2, 4, 3, 5], w: [1, 4, 4], stride: 2, padding: 1, outputPadding: [0, 1], groups: 5 },
  { x: [0, 3, 3, 2], w: [3, 3, 3], stride: 2, padding: 1 },
]

const describe = ({ x, w, stride = 1, padding = 0, outputPadding = 0, dilation = 1, groups = 1 }: Case): string =>
  `transposed convolution ${x.join('x')}, ${w[0]} filters ${w[1]}x${w[2]}, stride ${stride}, padding ${padding}, output padding ${outputPadding}, dilation ${dilation}, groups ${groups}`

/** It has no op of its own, so these are samples of the ops that it is made of, together. */
export const convTranspose2dSamples: readonly Sample[] = geometry.map(
  (shape): Sample => ({
    op: 'network',
    name: describe(shape),
    inputs: [of(shape.x), of([shape.x[3], ...shape.w]), of([shape.w[0] * (shape.groups ?? 1)])],
    run: (x, w, b) => convTranspose2d(x, w, b, shape),
  }),
)
