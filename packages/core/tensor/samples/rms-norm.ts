import { rmsNorm } from '@scanline/tensor'
import { channelCounts, of, type Sample } from './sample.js'

const sample = (name: string, inputs: Sample['inputs'], rest: Partial<Sample> = {}): Sample => ({
  op: 'rmsNorm',
  name,
  inputs,
  run: (x, w) => rmsNorm(x, w, 1e-5),
  ...rest,
})

export const rmsNormSamples: readonly Sample[] = [
  ...channelCounts.map((c) =>
    sample(
      `${c} channels`,
      [of([7, c]), of([c])],
      c === 1 ? { noGradient: 'constant but for eps: only rounding to compare' } : {},
    ),
  ),
  sample('197 rows', [of([197, 24]), of([24])]),
  sample('without weight', [of([5, 9])]),
  sample('long rows', [of([3, 2, 600]), of([600])]),
  sample('one row', [of([31]), of([31])]),
  sample('no rows', [of([0, 8]), of([8])]),
  sample('sliced rows', [of([7, 24], { view: 'sliced' }), of([24], { view: 'strided' })]),
  sample('transposed rows', [of([3, 9, 17], { view: 'transposed' }), of([17], { view: { broadcast: [0] } })]),
  sample('one row repeated', [of([4, 9], { view: { broadcast: [0] } }), of([9])]),
  sample('rows of zeros', [of([3, 8], { fill: [0] }), of([8])], {
    noGradient: 'so steep at eps 1e-5 that a difference means nothing',
  }),
  sample('special values', [of([16, 24], { fill: 'sparse' }), of([24])]),
]
