/**
 * Threefry-2x32 with 20 rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): two random
 * words from a key and a counter. Additions, rotations and exclusive-ors of 32 bits only, so every backend gives the
 * same bits.
 */
export function threefry2x32(key0: number, key1: number, counter0: number, counter1: number): [number, number] {
  // Unrolled, as initialising a model of 98 million parameters takes some 250 million calls.
  const key2 = key0 ^ key1 ^ 0x1bd11bda
  let x0 = (counter0 + key0) | 0
  let x1 = (counter1 + key1) | 0
  x0 = (x0 + x1) | 0
  x1 = rotated(x1, 13) ^ x0
  x0 = (x0 + x1) | 0
  x1 = rotated(x1, 15) ^ x0
  x0 = (x0 + x1) | 0
  x1 = rotated(x1, 26) ^ x0
  x0 = (x0 + x1) | 0
  x1 = rotated(x1, 6) ^ x0
  x0 = (x0 + key1) | 0
  x1 = (x1 + key2 + 1) | 0
  x0 = (x0 + x1) | 0
  x1 = rotated(x1, 17) ^ x0
  x0 = (x0 + x1) | 0
  x1 = rotated(x1, 29) ^ x0
  x0 = (x0 + x1) | 0
  x1 = rotated(x1, 16) ^ x0
  x0 = (x0 + x1) | 0
  x1 = rotated(x1, 24) ^ x0
  x0 = (x0 + key2) | 0
  x1 = (x1 + key0 + 2) | 0
  x0 = (x0 + x1) | 0
  x1 = rotated(x1, 13) ^ x0
  x0 = (x0 + x1) | 0
  x1 = rotated(x1, 15) ^ x0
  x0 = (x0 + x1) | 0
  x1 = rotated(x1, 26) ^ x0
  x0 = (x0 + x1) | 0
  x1 = rotated(x1, 6) ^ x0
  x0 = (x0 + key0) | 0
  x1 = (x1 + key1 + 3) | 0
  x0 = (x0 + x1) | 0
  x1 = rotated(x1, 17) ^ x0
  x0 = (x0 + x1) | 0
  x1 = rotated(x1, 29) ^ x0
  x0 = (x0 + x1) | 0
  x1 = rotated(x1, 16) ^ x0
  x0 = (x0 + x1) | 0
  x1 = rotated(x1, 24) ^ x0
  x0 = (x0 + key1) | 0
  x1 = (x1 + key2 + 4) | 0
  x0 = (x0 + x1) | 0
  x1 = rotated(x1, 13) ^ x0
  x0 = (x0 + x1) | 0
  x1 = rotated(x1, 15) ^ x0
  x0 = (x0 + x1) | 0
  x1 = rotated(x1, 26) ^ x0
  x0 = (x0 + x1) | 0
  x1 = rotated(x1, 6) ^ x0
  x0 = (x0 + key2) | 0
  x1 = (x1 + key0 + 5) | 0
  return [x0 >>> 0, x1 >>> 0]
}

const rotated = (x: number, by: number): number => (x << by) | (x >>> (32 - by))

/** Left rotations of the rounds, by round number modulo 8. */
export const rotations: readonly number[] = [13, 15, 26, 6, 17, 29, 16, 24]

/** A word as a float in [0, 1): its upper 24 bits, exact in f32. */
export const toUnit = (word: number): number => (word >>> 8) * 2 ** -24
