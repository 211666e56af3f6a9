import { CheckpointError } from './errors.js'

/**
 * Longest name or key, in UTF-16 units. V8 hashes strings beyond 16 383 units by their length alone: in a Map they would all be
 * compared with each other, and a few thousand would take minutes.
 */
const MAX_KEY = 16_000

export function assertKeyLength(key: string, what: string): void {
  if (key.length > MAX_KEY)
    throw new CheckpointError('LimitExceeded', `${what} of ${key.length} characters; the limit is ${MAX_KEY}`)
}
