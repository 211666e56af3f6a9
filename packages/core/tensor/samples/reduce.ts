import { max, mean, min, type ReduceKind, sum, type Tensor } from '@scanline/tensor'
import { awkwardLengths, channelCounts, of, type Sample, type SampleInput } from './sample.js'

const kinds: Readonly<Record<ReduceKind, (x: Tensor, axes?: readonly number[], keepDims?: boolean) => Tensor>> = {
  sum,
  mean,
  max,
  min,
}
const names = Object.keys(kinds) as ReduceKind[]

/** Every subset of the axes 0, 1, 2. */
const subsets = Array.from({ length: 8 }, (_, bits) => [0, 1, 2].filter((axis) => bits & (1 << axis)))

const layouts: readonly [string, SampleInput, readonly number[]][] = [
  ['rows of a transposed matrix', of([9, 17], { view: 'transposed' }), [1]],
  ['columns of a transposed matrix', of([9, 17], { view: 'transposed' }), [0]],
  ['sliced rows', of([5, 9], { view: 'sliced' }), [1]],
  ['sliced columns', of([5, 9], { view: 'sliced' }), [0]],
  ['every other element', of([3, 17], { view: 'strided' }), [1]],
  ['repeated rows', of([6, 5], { view: { broadcast: [0] } }), [0]],
  ['repeated elements', of([6, 5], { view: { broadcast: [1] } }), [1]],
  ['pixels of an image, as global pooling', of([2, 7, 7, 24]), [1, 2]],
  ['all but channels, as the gradient of a bias', of([2, 3, 5, 33]), [0, 1, 2]],
  ['channels first in memory', of([3, 5, 4, 2], { view: 'permuted' }), [1, 2]],
]

const chooses = (kind: ReduceKind): boolean => kind === 'max' || kind === 'min'

export const reduceSamples: readonly Sample[] = names.flatMap((kind): Sample[] => {
  const f = kinds[kind]
  const op = 'reduce'
  return [
    ...subsets.flatMap((axes): Sample[] => [
      { op, name: `${kind} over [${axes}]`, inputs: [of([3, 5, 7])], run: (x) => f(x, axes) },
      {
        op,
        name: `${kind} over [${axes}] of a permuted tensor, axes kept`,
        inputs: [of([4, 3, 9], { view: 'permuted' })],
        run: (x) => f(x, axes, true),
      },
    ]),
    ...awkwardLengths.map(
      (n): Sample => ({
        op,
        name: `${kind} of ${n}`,
        inputs: [of([3, n])],
        run: (x) => f(x, [1]),
        ...(n === 0 ? { noGradient: 'empty' } : {}),
      }),
    ),
    ...channelCounts.map((c): Sample => ({ op, name: `${kind} of columns, ${c}`, inputs: [of([9, c])], run: (x) => f(x, [0]) })),
    ...layouts.map(
      ([name, input, axes]): Sample => ({
        op,
        name: `${kind} of ${name}`,
        inputs: [input],
        run: (x) => f(x, axes),
        ...(chooses(kind) && typeof input.view === 'object' ? { noGradient: 'ties' } : {}),
      }),
    ),
    { op, name: `${kind} of no rows`, inputs: [of([0, 5])], run: (x) => f(x, [1]) },
    { op, name: `${kind} of a single number`, inputs: [of([])], run: (x) => f(x) },
    { op, name: `${kind} of special values`, inputs: [of([41, 9], { fill: 'sparse' })], run: (x) => [f(x, [1]), f(x, [0])] },
    {
      op,
      name: `${kind} of a row of infinities`,
      inputs: [of([2, 9], { fill: [Number.NEGATIVE_INFINITY] }), of([2, 9], { fill: [Number.POSITIVE_INFINITY] })],
      run: (low, high) => [f(low, [1]), f(high, [0])],
      noGradient: 'infinities',
    },
    ...(kind === 'mean'
      ? []
      : [
          {
            op,
            name: `${kind} of i32`,
            inputs: [of([5, 9], { dtype: 'i32', fill: { from: -100, below: 100 } } as const)],
            run: (x: Tensor) => f(x, [1]),
            optional: 'whole-number arithmetic',
          },
        ]),
  ]
})
