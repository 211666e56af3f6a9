import { Generator, threefry2x32 } from '@scanline/tensor'

/** Random choices of a picture. Everything that follows is made of +, -, *, / and square roots, which every machine rounds alike. */
export class Chance {
  readonly #generator: Generator

  constructor(generator: Generator) {
    this.#generator = generator
  }
  between(low: number, high: number): number {
    return low + (high - low) * this.#generator.uniform()
  }
  /** A whole number, both ends included. */
  whole(low: number, high: number): number {
    return low + Math.floor((high - low + 1) * this.#generator.uniform())
  }
  happens(probability: number): boolean {
    return this.#generator.uniform() < probability
  }
  pick<T>(items: readonly T[]): T {
    return items[this.whole(0, items.length - 1)] as T
  }
  /** A vector of length 1, all directions equally likely. */
  direction(): Vector {
    for (;;) {
      const [x, y] = [this.between(-1, 1), this.between(-1, 1)]
      const length = Math.sqrt(x * x + y * y)
      if (length > 0.01 && length <= 1) return [x / length, y / length]
    }
  }
  /** A seed for the pixels of a noise. */
  word(): number {
    return this.#generator.words()[0]
  }
}

export type Vector = readonly [x: number, y: number]

/** The choices of one picture: a function of these numbers alone. `set` is 0 for classification, 1 for scenes. */
export function chanceOf(seed: number, set: number, split: number, index: number): Chance {
  const [a, b] = threefry2x32(seed >>> 0, Math.floor(seed / 2 ** 32), index, 4 * split + set)
  return new Chance(new Generator((a >>> 11) * 2 ** 32 + b))
}

/** A hash of a lattice point in [0, 1): noise that needs no order. */
export function latticeValue(seed: number, x: number, y: number): number {
  let h = (seed ^ Math.imul(x, 0x9e3779b1) ^ Math.imul(y, 0x85ebca77)) | 0
  h ^= h >>> 16
  h = Math.imul(h, 0x7feb352d)
  h ^= h >>> 15
  h = Math.imul(h, 0x846ca68b)
  h ^= h >>> 16
  return (h >>> 0) / 2 ** 32
}
