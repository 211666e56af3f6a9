import { fold, unfold, type WindowOptions, windowAttrs } from '@scanline/tensor'
import { channelCounts, of, type Sample, type View } from './sample.js'

interface Case extends WindowOptions {
  readonly x: readonly [number, number, number, number]
  readonly kernel: readonly [number, number]
  readonly columns: readonly [number, number]
  readonly view?: View
}

const windows: readonly Case[] = [
  ...channelCounts.slice(0, 9).map((c): Case => ({ x: [1, 5, 6, c], kernel: [3, 3], padding: 1, columns: [5, 6] })),
  { x: [2, 7, 8, 3], kernel: [3, 3], stride: 2, padding: 1, columns: [4, 4] },
  { x: [1, 8, 8, 3], kernel: [4, 4], stride: 4, columns: [2, 2] },
  { x: [1, 8, 7, 5], kernel: [3, 2], dilation: 2, padding: [1, 0, 0, 2], columns: [5, 7] },
  { x: [0, 4, 4, 2], kernel: [2, 2], columns: [3, 3] },
  { x: [1, 5, 6, 4], kernel: [3, 3], padding: 1, columns: [5, 6], view: 'sliced' },
  { x: [2, 5, 6, 4], kernel: [3, 3], padding: 1, columns: [5, 6], view: 'permuted' },
  { x: [2, 5, 6, 4], kernel: [3, 3], padding: 1, columns: [5, 6], view: { broadcast: [0, 3] } },
]

const attrsOf = ({ kernel, stride, padding, dilation }: Case) => ({
  kernel,
  ...windowAttrs({ ...(stride && { stride }), ...(padding && { padding }), ...(dilation && { dilation }) }),
})

const describe = ({ x, kernel, stride = 1, padding = 0, dilation = 1, view }: Case): string =>
  `${x.join('x')}, ${kernel.join('x')}, stride ${stride}, padding ${padding}, dilation ${dilation}${view ? `, ${JSON.stringify(view)}` : ''}`

export const unfoldSamples: readonly Sample[] = windows.flatMap((w): Sample[] => [
  { op: 'unfold', name: describe(w), inputs: [of(w.x, w.view ? { view: w.view } : {})], run: (x) => unfold(x, attrsOf(w)) },
  {
    op: 'fold',
    name: describe(w),
    inputs: [of([w.x[0], ...w.columns, ...w.kernel, w.x[3]], w.view ? { view: w.view } : {})],
    run: (columns) => fold(columns, { ...attrsOf(w), shape: w.x }),
  },
])
