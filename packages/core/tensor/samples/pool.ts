import { apply1, avgPool2d, avgPool2dGradOp, maxPool2d, maxPool2dGradOp, type PoolOptions, windowAttrs } from '@scanline/tensor'
import { channelCounts, of, type Sample } from './sample.js'

const windows: readonly (PoolOptions & { readonly x: readonly number[] })[] = [
  ...channelCounts.map((c) => ({ x: [1, 5, 7, c], kernel: 3, stride: 2, padding: 1 })),
  { x: [2, 8, 6, 4], kernel: 2 },
  { x: [1, 7, 7, 5], kernel: 7 },
  { x: [1, 9, 8, 3], kernel: [2, 3], stride: [3, 1], padding: [1, 0, 2, 1] },
  { x: [1, 9, 9, 8], kernel: 3, stride: 1, dilation: 2, padding: 1 },
  { x: [1, 1, 1, 4], kernel: 1 },
  { x: [0, 4, 4, 3], kernel: 2 },
]

const describe = ({ x, kernel, stride = kernel, padding = 0, dilation = 1 }: (typeof windows)[number]): string =>
  `${x.join('x')}, ${kernel}, stride ${stride}, padding ${padding}, dilation ${dilation}`

const pooled = { kernel: [3, 3], ...windowAttrs({ stride: 2, padding: 1 }) } as const

export const poolSamples: readonly Sample[] = [
  ...windows.flatMap((w): Sample[] => [
    { op: 'maxPool2d', name: describe(w), inputs: [of(w.x)], run: (x) => maxPool2d(x, w) },
    { op: 'avgPool2d', name: describe(w), inputs: [of(w.x)], run: (x) => avgPool2d(x, w) },
    {
      op: 'avgPool2d',
      name: `${describe(w)}, without the padding`,
      inputs: [of(w.x)],
      run: (x) => avgPool2d(x, { ...w, countPadding: false }),
    },
  ]),
  ...(['maxPool2d', 'avgPool2d'] as const).flatMap((op): Sample[] => {
    const pool = op === 'maxPool2d' ? maxPool2d : avgPool2d
    const options = { kernel: 3, stride: 2, padding: 1 }
    return [
      { op, name: 'sliced channels', inputs: [of([1, 5, 6, 9], { view: 'sliced' })], run: (x) => pool(x, options) },
      { op, name: 'channels first in memory', inputs: [of([2, 5, 6, 3], { view: 'permuted' })], run: (x) => pool(x, options) },
      {
        op,
        name: 'one pixel repeated',
        inputs: [of([1, 5, 5, 4], { view: { broadcast: [1, 2] } })],
        run: (x) => pool(x, options),
        ...(op === 'maxPool2d' ? { noGradient: 'ties' } : {}),
      },
      { op, name: 'special values', inputs: [of([1, 9, 9, 5], { fill: 'sparse' })], run: (x) => pool(x, options) },
    ]
  }),
  {
    op: 'maxPool2d',
    name: 'all negative, so that padding would win',
    inputs: [of([1, 4, 4, 5], { fill: [-3, -1, -2, -7] })],
    run: (x) => maxPool2d(x, { kernel: 3, stride: 1, padding: 1 }),
    noGradient: 'ties',
  },
  {
    op: 'maxPool2d',
    name: 'all negative infinity',
    inputs: [of([1, 4, 4, 3], { fill: [Number.NEGATIVE_INFINITY] })],
    run: (x) => maxPool2d(x, { kernel: 2 }),
    noGradient: 'infinities',
  },
  {
    op: 'maxPool2dGrad',
    name: 'windows that overlap',
    inputs: [of([2, 7, 8, 5]), of([2, 4, 4, 5])],
    run: (x, g) => apply1(maxPool2dGradOp, [x, g], pooled),
    noGradient: 'has none: it is a gradient itself',
  },
  {
    op: 'maxPool2dGrad',
    name: 'ties go to the first',
    inputs: [of([1, 7, 7, 4], { fill: [1, 2, 2, 1, 2] }), of([1, 4, 4, 4])],
    run: (x, g) => apply1(maxPool2dGradOp, [x, g], pooled),
    noGradient: 'has none: it is a gradient itself',
  },
  {
    op: 'maxPool2dGrad',
    name: 'strided image and gradient',
    inputs: [of([1, 7, 7, 9], { view: 'sliced' }), of([1, 4, 4, 9], { view: { broadcast: [0, 1, 2, 3] } })],
    run: (x, g) => apply1(maxPool2dGradOp, [x, g], pooled),
    noGradient: 'has none: it is a gradient itself',
  },
  ...[true, false].flatMap((countPadding): Sample[] => [
    {
      op: 'avgPool2dGrad',
      name: `windows that overlap, padding ${countPadding ? 'counted' : 'left out'}`,
      inputs: [of([2, 4, 4, 5])],
      run: (g) => apply1(avgPool2dGradOp, [g], { ...pooled, countPadding, shape: [2, 7, 8, 5] }),
    },
    {
      op: 'avgPool2dGrad',
      name: `one gradient repeated, padding ${countPadding ? 'counted' : 'left out'}`,
      inputs: [of([1, 4, 4, 24], { view: { broadcast: [0, 1, 2] } })],
      run: (g) => apply1(avgPool2dGradOp, [g], { ...pooled, countPadding, shape: [1, 7, 7, 24] }),
    },
  ]),
]
