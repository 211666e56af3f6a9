import { coefficients, FILTERS } from '@scanline/image'
import type { Kind } from '../kind.js'
import { isPreprocessing } from '../preprocessing/match.js'

const filters = Object.keys(FILTERS) as (keyof typeof FILTERS)[]

/** Integer weights of the resampler. The error is the number of weights that differ. */
export const resizeCoefficients: Kind = {
  name: 'resize coefficients',
  matches: (file) => isPreprocessing(file, 'rows', 'in', 'out', 'outputs'),
  run: (file, context) => {
    for (const [i, row] of file.at('rows').list().entries()) {
      const [from, to] = [row.at('in').count(), row.at('out').count()]
      const filter = row.at('filter').oneOf(...filters)
      const { first, start, weights } = coefficients(FILTERS[filter], from, to, 0, from)
      let different = 0
      for (const output of row.at('outputs').list()) {
        const index = output.at('index').count()
        if (index >= to) output.at('index').fail(`expected an output below ${to}, found ${index}`)
        const expected = [output.at('first').count(), ...output.at('weights').numbers()]
        const actual = [first[index], ...weights.subarray(start[index], start[index + 1])]
        const length = Math.max(expected.length, actual.length)
        for (let j = 0; j < length; j++) if (actual[j] !== expected[j]) different++
      }
      context.check({ name: `rows[${i}] ${filter} ${from} to ${to}`, error: different, bound: 0 })
    }
  },
}
