import { compile } from '@scanline/compile'
import { type Backend, scope, type Tensor, type ValueSpec } from '@scanline/tensor'
import type { Run } from '../kind.js'

/** A function of a state and of what is new in a step, run step after step. */
export interface Runner {
  /** Takes both over; gives the next state. */
  run(state: readonly Tensor[], news: readonly Tensor[]): Tensor[]
  dispose(): void
}

/** `f` gives as many tensors as the state has, the first `count` of `inputs`; compiled, they lie where the state lay. */
export async function runner(
  device: Backend,
  run: Run,
  f: (all: readonly Tensor[]) => Tensor[],
  inputs: readonly ValueSpec[],
  count: number,
): Promise<Runner> {
  const inPlace = Array.from({ length: count }, (_, i) => [i, i] as const)
  const specs = inputs.map(({ shape, dtype }) => ({ shape, dtype }))
  const program = run === 'compiled' ? await compile((...all) => f(all), specs, { device, inPlace }) : undefined
  return {
    run: (state, news) => {
      const all = [...state, ...news]
      const next = program ? program.run(...all) : scope(() => f(all))
      for (const old of all) old.dispose()
      return next
    },
    dispose: () => program?.dispose(),
  }
}
