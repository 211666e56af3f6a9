import { DatasetError } from './errors.js'

export interface DecayOptions {
  /** Steps from one power of two to the one below. Default 2. */
  readonly steps?: number
  /** Skips odd sizes. Default false. */
  readonly noOdd?: boolean
}

/**
 * The next smaller batch size to try after running out of memory: 64, 48, 32, 24, 16, … 1, then 0. Specification:
 * training 13.
 */
export function decayBatchSize(batchSize: number, { steps = 2, noOdd = false }: DecayOptions = {}): number {
  if (!Number.isInteger(batchSize) || batchSize < 1)
    throw new DatasetError('argument', `A batch size is a whole number from 1 on, not ${batchSize}.`)
  if (batchSize <= 1) return 0
  const below = 2 ** Math.floor(Math.log2(batchSize - 1))
  const step = Math.max(Math.floor(below / steps), 1)
  const next = below + Math.floor((batchSize - below - 1) / step) * step
  return noOdd && next % 2 === 1 ? next - 1 : next
}

/** Whether a smaller batch may help: not for messages that tell of a mistake instead. */
export const worthRetrying = (message: string): boolean => !/illegal|required rank/.test(message)
