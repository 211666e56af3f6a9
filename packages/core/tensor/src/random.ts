import type { Backend } from './backend.js'
import { ArgumentError } from './errors.js'
import { tensor } from './ops/create.js'
import type { Tensor } from './tensor.js'
import { threefry2x32 } from './threefry.js'

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
  /** Standard normal, by Marsaglia's polar method. */
  normal(): number {
    for (;;) {
      const u = 2 * this.uniform() - 1
      const v = 2 * this.uniform() - 1
      const s = u * u + v * v
      if (s > 0 && s < 1) return u * Math.sqrt((-2 * portableLog(s)) / s)
    }
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

/**
 * Natural logarithm on (0, 1], by operations that every engine rounds alike: `Math.log` may differ in its last bit from
 * one engine to the next, and weights drawn from a seed must not.
 */
function portableLog(x: number): number {
  let exponent = 0
  let mantissa = x
  for (; mantissa < Math.SQRT1_2; mantissa *= 2) exponent--
  // log m = 2 artanh t with |t| < 0.172: twelve terms reach 1e-17.
  const t = (mantissa - 1) / (mantissa + 1)
  let sum = 0
  for (let k = 23; k > 0; k -= 2) sum = sum * t * t + 1 / k
  return exponent * Math.LN2 + 2 * t * sum
}
