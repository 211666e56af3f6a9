import { Generator, threefry2x32 } from '@scanline/tensor'

/** What random numbers are for; each purpose has streams of its own. A seed leaves the upper bits of the key free for it. */
const PURPOSES = { shuffle: 1 << 24, augment: 2 << 24, finish: 3 << 24, mix: 4 << 24 } as const

export type Purpose = keyof typeof PURPOSES

/**
 * A stream of random numbers that is a pure function of (seed, epoch, place) and its purpose: the same whichever thread
 * uses it, in whatever order. `place` is a position in the order of the epoch over all ranks, so that an image that occurs
 * several times in one epoch is augmented differently each time.
 *
 * @param seed whole number from 0 to 2^53 - 1
 */
export function streamFor(purpose: Purpose, seed: number, epoch: number, place = 0): Generator {
  const [a, b] = threefry2x32(seed >>> 0, Math.floor(seed / 2 ** 32) | PURPOSES[purpose], place, epoch)
  return new Generator((a >>> 11) * 2 ** 32 + b)
}
