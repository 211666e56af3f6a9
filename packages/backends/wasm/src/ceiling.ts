import { f32x4, type Local, ModuleBuilder } from './assembler/index.js'
import { now, WebAssembly } from './engine.js'
import { enableRelaxedSimd } from './host.js'

/** What one thread of this engine on this machine can do at most. */
export interface Ceiling {
  /** Multiplications and additions of f32 in a second, in 10⁹, in registers only. */
  readonly gflops: number
  /** Whether the fastest loop used the fused instruction. */
  readonly fused: boolean
}

/**
 * Measures the multiply-add ceiling of one thread at 128 bits: a loop of independent multiply-adds that touches no
 * memory, the best of several forms and rounds. Takes about a fifth of a second.
 *
 * @example
 * const { gflops } = measureCeiling()
 */
export function measureCeiling(rounds = 4): Ceiling {
  let best: Ceiling = { gflops: 0, fused: false }
  for (const fused of enableRelaxedSimd() ? [false, true] : [false]) {
    for (const chains of [8, 10, 12]) {
      const run = ceilingLoop(chains, fused)
      const iterations = 2_000_000
      run(iterations)
      for (let round = 0; round < rounds; round++) {
        const start = now()
        run(iterations)
        const gflops = (8 * chains * iterations) / (now() - start) / 1e6
        if (gflops > best.gflops) best = { gflops, fused }
      }
    }
  }
  return best
}

function ceilingLoop(chains: number, fused: boolean): (iterations: number) => void {
  const module = new ModuleBuilder({ initial: 1, maximum: 1, shared: false })
  const block = module.function('block', ['i32'], 'f32', (f) => {
    const iterations = f.args[0] as Local<'i32'>
    const factor = f.let(f32x4.splat(0.999))
    const term = f.let(f32x4.splat(1e-3))
    const sums = Array.from({ length: chains }, (_, i) => f.let(f32x4.splat(i)))
    f.for(0, iterations, 1, () => {
      // Each depends on itself, so that nothing can be taken out of the loop; there are enough of them to hide that.
      for (const sum of sums) f.set(sum, fused ? f32x4.relaxed_madd(sum, factor, term) : f32x4.add(f32x4.mul(sum, factor), term))
    })
    for (const sum of sums.slice(1)) f.set(sums[0], f32x4.add(sums[0], sum))
    f.return(f32x4.extract(sums[0], 0))
  })
  module.export(block)
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: false })
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.bytes()), { env: { memory } })
  const run = exports.block as unknown as (iterations: number) => number
  // Many calls, so that the engine swaps in its optimised code.
  return (iterations) => {
    for (let done = 0; done < iterations; done += 1000) run(1000)
  }
}
