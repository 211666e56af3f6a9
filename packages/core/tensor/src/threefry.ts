/**
 * Threefry-2x32 with 20 rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): two random
 * words from a key and a counter. Additions, rotations and exclusive-ors of 32 bits only, so every backend gives the
 * same bits.
 */
export function threefry2x32(key0: number, key1: number, counter0: number, counter1: number): [number, number] {
  const keys = [key0, key1, key0 ^ key1 ^ 0x1bd11bda]
  let x0 = (counter0 + key0) | 0
  let x1 = (counter1 + key1) | 0
  for (let round = 0; round < 20; round++) {
    x0 = (x0 + x1) | 0
    const r = rotations[round & 7]
    x1 = ((x1 << r) | (x1 >>> (32 - r))) ^ x0
    if (round % 4 === 3) {
      const injection = (round >> 2) + 1
      x0 = (x0 + keys[injection % 3]) | 0
      x1 = (x1 + keys[(injection + 1) % 3] + injection) | 0
    }
  }
  return [x0 >>> 0, x1 >>> 0]
}

/** Left rotations of the rounds, by round number modulo 8. */
export const rotations: readonly number[] = [13, 15, 26, 6, 17, 29, 16, 24]

/** A word as a float in [0, 1): its upper 24 bits, exact in f32. */
export const toUnit = (word: number): number => (word >>> 8) * 2 ** -24
