import { logSoftmax, mul, softmax, split, type Tensor } from '@scanline/tensor'
import { awkwardLengths, of, type Sample } from './sample.js'

const samplesOf = (op: string, f: (x: Tensor, axis?: number) => Tensor): Sample[] => [
  ...awkwardLengths.map(
    (n): Sample => ({
      op,
      name: `rows of ${n}`,
      inputs: [of([5, n])],
      run: (x) => f(x),
      ...(n === 1 ? { noGradient: 'constant' } : {}),
    }),
  ),
  { op, name: '1000 classes', inputs: [of([2, 1000])], run: (x) => f(x) },
  { op, name: 'attention scores', inputs: [of([2, 3, 7, 49])], run: (x) => f(x) },
  { op, name: 'no rows', inputs: [of([0, 5])], run: (x) => f(x) },
  { op, name: 'transposed', inputs: [of([9, 17], { view: 'transposed' })], run: (x) => f(x) },
  { op, name: 'sliced', inputs: [of([5, 9], { view: 'sliced' })], run: (x) => f(x) },
  { op, name: 'one row repeated', inputs: [of([5, 9], { view: { broadcast: [0] } })], run: (x) => f(x) },
  {
    op,
    name: 'one number repeated',
    inputs: [of([5, 9], { view: { broadcast: [1] } })],
    run: (x) => f(x),
    noGradient: 'constant',
  },
  {
    op,
    name: 'large values',
    inputs: [of([3, 5], { fill: [1e4, 1e4, -1e4, 9999, 0] })],
    run: (x) => f(x),
    noGradient: 'saturated',
  },
  {
    op,
    name: 'masked by -Infinity',
    inputs: [of([3, 7], { fill: [1, Number.NEGATIVE_INFINITY, 0.5] })],
    run: (x) => f(x),
    noGradient: 'infinities',
  },
  {
    op,
    name: 'a row of only -Infinity',
    inputs: [of([2, 5], { fill: [Number.NEGATIVE_INFINITY] })],
    run: (x) => f(x),
    noGradient: 'infinities',
  },
  { op, name: 'special values', inputs: [of([16, 9], { fill: 'sparse' })], run: (x) => f(x) },
]

const overPositions = (name: string, inputs: Sample['inputs'], rest: Partial<Sample> = {}): Sample => ({
  op: 'softmaxColumns',
  name,
  inputs,
  run: (x) => softmax(x, -2),
  ...rest,
})

/** Over positions, weighted: a part of a projection times another, as in EfficientViM's mixer. */
const weighted = (mixed: Tensor): Tensor => {
  const [b, dt] = split(mixed, [mixed.shape[2] / 2, mixed.shape[2] / 2])
  return mul(softmax(dt, 1), b)
}

const columnSamples: readonly Sample[] = [
  ...awkwardLengths.map((n) => overPositions(`${n} columns`, [of([5, n])])),
  ...awkwardLengths.map((n) => overPositions(`${n} positions`, [of([2, n, 9])], n === 1 ? { noGradient: 'constant' } : {})),
  overPositions('no positions', [of([3, 0, 5])]),
  overPositions('no columns', [of([3, 5, 0])]),
  overPositions('transposed', [of([9, 17], { view: 'transposed' })]),
  overPositions('sliced', [of([2, 5, 9], { view: 'sliced' })]),
  overPositions('one row repeated', [of([5, 9], { view: { broadcast: [0] } })], { noGradient: 'constant' }),
  overPositions('large values', [of([5, 3], { fill: [1e4, 1e4, -1e4, 9999, 0] })], { noGradient: 'saturated' }),
  overPositions('an axis further in front', [of([4, 3, 5])], { run: (x) => softmax(x, 0) }),
  overPositions('weighted parts of a projection', [of([2, 49, 50])], { run: weighted }),
]

export const softmaxSamples: readonly Sample[] = [
  ...samplesOf('softmax', softmax),
  ...columnSamples,
  ...samplesOf('logSoftmax', logSoftmax),
  { op: 'logSoftmax', name: 'first axis', inputs: [of([7, 5])], run: (x) => logSoftmax(x, 0) },
]
