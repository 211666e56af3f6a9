import { leaves, RandomStreams, recompute, type Tree, withLeaves } from '@scanline/tensor'
import { captureBuffers } from './buffer-updates.js'
import type { Module } from './module.js'

type Forward = (...args: unknown[]) => unknown

/**
 * Runs `body`, in which the gradient tape keeps of every one of these modules only what its `forward` (or another method
 * whose name begins so) is given; what it computes on the way is computed again when gradients are taken. Random masks
 * are the same both times, and running statistics move once. Trades one more forward pass of the modules for the memory
 * between them: give it the blocks or the stages of a model (`recomputeUnits` of `@scanline/train`).
 *
 * @example
 * const { value, grads } = recomputing(model.stages, () => valueAndGrad(() => loss(model.forward(x)), model.parameters()))
 */
export function recomputing<T>(modules: readonly Module[], body: () => T): T {
  const shadows = modules.map((module) => [module, shadow(module)] as const)
  try {
    return body()
  } finally {
    for (const [module, names] of shadows) for (const name of names) Reflect.deleteProperty(module, name)
  }
}

/** Own properties in front of the methods of the class; not enumerable, so that the module's fields stay what they are. */
function shadow(module: Module): string[] {
  const names = forwardMethods(module)
  let within = false
  for (const name of names) {
    const method = (module as unknown as Readonly<Record<string, Forward>>)[name]
    const value: Forward = (...args) => {
      if (within) return method.apply(module, args)
      const random = args.find((arg) => arg instanceof RandomStreams)
      const position = random?.position
      let runs = 0
      return recompute(
        (...tensors) => {
          const run = (): Tree => {
            // Of several such methods only the one called from outside is recomputed.
            within = true
            try {
              return method.apply(module, withLeaves(args as Tree[], tensors)) as Tree
            } finally {
              within = false
            }
          }
          if (runs++ === 0) return run()
          const same = random ? () => random.replay(position!, run) : run
          return captureBuffers(module, same).result
        },
        leaves(args as Tree[]),
      )
    }
    Object.defineProperty(module, name, { value, configurable: true })
  }
  return names
}

function forwardMethods(module: Module): string[] {
  const found = new Set<string>()
  for (let at = Object.getPrototypeOf(module); at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at))
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at)))
      if (name.startsWith('forward') && typeof value === 'function') found.add(name)
  return [...found]
}
