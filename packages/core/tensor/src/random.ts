import type { Backend } from './backend.js'
import { ArgumentError } from './errors.js'
import { tensor } from './ops/create.js'
import type { Tensor } from './tensor.js'
import { threefry2x32, toUnit } from './threefry.js'

/**
 * A stream of random numbers that is a pure function of its seed and of how many draws came before: the same on every
 * machine and device. `state` restores it exactly.
 */
export class Generator {
  readonly seed: number
  #draws: number

  /** Throws `ArgumentError` unless both are whole numbers from 0 to 2^53 - 1. */
  constructor(seed: number, draws = 0) {
    if (!Number.isSafeInteger(seed) || seed < 0)
      throw new ArgumentError(`a seed must be a whole number from 0 to 2^53 - 1, got ${seed}`)
    if (!Number.isSafeInteger(draws) || draws < 0)
      throw new ArgumentError(`the number of draws must be a whole number from 0, got ${draws}`)
    this.seed = seed
    this.#draws = draws
  }
  get state(): { readonly seed: number; readonly draws: number } {
    return { seed: this.seed, draws: this.#draws }
  }
  /** Two independent 32-bit words. */
  words(): [number, number] {
    const n = this.#draws++
    return threefry2x32(this.seed >>> 0, Math.floor(this.seed / 2 ** 32), n >>> 0, Math.floor(n / 2 ** 32))
  }
  /** In [0, 1), 53 random bits. */
  uniform(): number {
    const [a, b] = this.words()
    return ((a >>> 5) * 2 ** 26 + (b >>> 6)) * 2 ** -53
  }
  /** Standard normal, by Box and Muller. */
  normal(): number {
    const [a, b] = this.words()
    return Math.sqrt(-2 * Math.log((a + 1) * 2 ** -32)) * Math.cos(2 * Math.PI * toUnit(b))
  }
  /** Normal with the given standard deviation, redrawn until it lies within ±`limit` (absolute, as timm's `trunc_normal_`). */
  truncatedNormal(std: number, limit: number): number {
    for (;;) {
      const value = std * this.normal()
      if (Math.abs(value) <= limit) return value
    }
  }
  /** A key for `uniform()` tensors: i32 [2]. */
  key(device: Backend): Tensor {
    const [a, b] = this.words()
    return tensor([a | 0, b | 0], { device, dtype: 'i32' })
  }
}
