import { loadAddon } from './native.js'

/** What one thread of this machine can do at most. */
export interface Ceiling {
  /** Multiplications and additions of f32 in a second, in 10⁹, in registers only. */
  readonly gflops: number
  /** The instruction set that was measured. */
  readonly level: string
}

/**
 * Measures the multiply-add ceiling of one thread: a loop of independent fused multiply-adds that touches no memory, the
 * best of several rounds. Takes about a tenth of a second. Throws `DeviceError` without the addon.
 *
 * @example
 * const { gflops } = measureCeiling()
 */
export function measureCeiling(rounds = 8): Ceiling {
  const addon = loadAddon()
  const [level] = addon.levels.split(', ')
  addon.burn(level, 1e5)
  let gflops = 0
  for (let round = 0; round < rounds; round++) {
    const start = performance.now()
    const flops = addon.burn(level, 1e6)
    gflops = Math.max(gflops, flops / (performance.now() - start) / 1e6)
  }
  return { gflops, level }
}
