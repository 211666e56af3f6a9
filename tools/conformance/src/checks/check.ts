import type { Sample } from '@scanline/tensor/samples'
import type { Trial } from '../trial.js'

/** One thing that must hold for every sample. */
export interface Check {
  readonly name: string
  /** False where the check means nothing for a sample. */
  applies?(sample: Sample): boolean
  /** Why a sample is left out although the check would mean something. */
  without?(sample: Sample): string | undefined
  /** Throws if it does not hold. */
  run(trial: Trial): Promise<void>
}
