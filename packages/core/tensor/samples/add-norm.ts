import { type AddNormOptions, addNorm } from '@scanline/tensor'
import { channelCounts, of, type Sample } from './sample.js'

const sample = (name: string, norm: AddNormOptions['norm'], inputs: Sample['inputs'], rest: Partial<Sample> = {}): Sample => ({
  op: 'addNorm',
  name: `${norm}, ${name}`,
  inputs,
  run: (x, residual, weight, bias) => Object.values(addNorm(x, residual, { norm, weight, bias, eps: 1e-5 })),
  ...rest,
})

/** Both norms of inputs [..., C], with their weights. */
const both = (name: string, inputs: readonly [Sample['inputs'][0], Sample['inputs'][0]], rest: Partial<Sample> = {}) => {
  const vector = of([inputs[0].shape[inputs[0].shape.length - 1]])
  return [sample(name, 'rms', [...inputs, vector], rest), sample(name, 'layer', [...inputs, vector, vector], rest)]
}

export const addNormSamples: readonly Sample[] = [
  ...channelCounts.flatMap((c) =>
    both(
      `${c} channels`,
      [of([7, c]), of([7, c])],
      c <= 2 ? { noGradient: 'constant but for eps: only rounding to compare' } : {},
    ),
  ),
  ...both('197 rows', [of([197, 24]), of([197, 24])]),
  ...both('long rows', [of([3, 2, 600]), of([3, 2, 600])]),
  ...both('no rows', [of([0, 8]), of([0, 8])]),
  ...both('sliced rows', [of([7, 24], { view: 'sliced' }), of([7, 24])]),
  ...both('transposed residual', [of([3, 9, 17]), of([3, 9, 17], { view: 'transposed' })]),
  ...both('one row repeated', [of([4, 9], { view: { broadcast: [0] } }), of([4, 9], { view: 'strided' })]),
  ...both('special values', [of([16, 24], { fill: 'sparse' }), of([16, 24])]),
  sample('without weight', 'rms', [of([5, 9]), of([5, 9])]),
  sample('without weight and bias', 'layer', [of([5, 9]), of([5, 9])]),
]
