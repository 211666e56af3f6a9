import { leaves, RandomStreams, recompute, type Tree, withLeaves } from '@scanline/tensor'
import { captureBuffers } from './buffer-updates.js'
import type { Module } from './module.js'

type Forward = (...args: unknown[]) => unknown

/**
 * Runs `body`, in which the gradient tape keeps of every one of these modules only what its `forward` is given; what it
 * computes on the way is computed again when gradients are taken. Random masks are the same both times, and running
 * statistics move once. Trades one more forward pass of the modules for the memory between them: give it the blocks or
 * the stages of a model (`blocksOf`, `stagesOf` of `@scanline/train`).
 *
 * @example
 * const { value, grads } = recomputing(model.stages, () => valueAndGrad(() => loss(model.forward(x)), model.parameters()))
 */
export function recomputing<T>(modules: readonly Module[], body: () => T): T {
  for (const module of modules) shadow(module)
  try {
    return body()
  } finally {
    for (const module of modules) Reflect.deleteProperty(module, 'forward')
  }
}

/** An own property in front of the method of the class; not enumerable, so that the module's fields stay what they are. */
function shadow(module: Module): void {
  const forward = (module as unknown as { forward: Forward }).forward
  const value: Forward = (...args) => {
    const random = args.find((arg) => arg instanceof RandomStreams)
    const position = random?.position
    let runs = 0
    return recompute(
      (...tensors) => {
        const run = () => forward.apply(module, withLeaves(args as Tree[], tensors)) as Tree
        if (runs++ === 0) return run()
        const same = random ? () => random.replay(position!, run) : run
        return captureBuffers(module, same).result
      },
      leaves(args as Tree[]),
    )
  }
  Object.defineProperty(module, 'forward', { value, configurable: true })
}
