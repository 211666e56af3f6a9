import { ConformanceError, expectClose, type Values } from '../compare.js'
import { toleranceOf } from '../tolerance.js'
import type { Trial } from '../trial.js'
import type { Check } from './check.js'

/** Op by op, against the reference in doubles on the same inputs. */
export const forward: Check = {
  name: 'forward',
  run: async (trial) => expectReference(trial, await trial.eager(), await trial.expected()),
}

/** Every output within the sample's tolerance of the reference. */
export function expectReference(trial: Trial, got: readonly Values[], want: readonly Values[], what = 'the result'): void {
  if (got.length !== want.length) throw new ConformanceError(`${got.length} outputs instead of ${want.length}`)
  got.forEach((values, i) => {
    expectClose(values, want[i], toleranceOf(trial.sample, values.dtype), got.length === 1 ? what : `${what} ${i}`)
  })
}
