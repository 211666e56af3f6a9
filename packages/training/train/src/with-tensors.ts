import type { Module } from '@scanline/nn'
import { Tensor } from '@scanline/tensor'

/**
 * Runs `body` with other tensors in the place of a model's: what it computes then depends on them, so that they can be
 * inputs of a compiled function, or other weights such as averaged ones. Names are those of the state dict. For
 * synchronous work: the model's own tensors are back when `body` returns.
 *
 * @example
 * const program = withTensors(model, averaged, () => compile((x) => model.forward(x), [images], { device }))
 */
export function withTensors<T>(model: Module, tensors: ReadonlyMap<string, Tensor>, body: () => T): T {
  const own = model.stateDict()
  const replacements = new Map([...tensors].map(([name, tensor]) => [own.get(name), tensor]))
  const places = model
    .modules()
    .flatMap((module) =>
      Object.entries(module).flatMap(([property, value]) =>
        value instanceof Tensor && replacements.has(value) ? [{ module, property, value }] : [],
      ),
    )
  for (const { module, property, value } of places) Object.assign(module, { [property]: replacements.get(value) })
  try {
    return body()
  } finally {
    for (const { module, property, value } of places) Object.assign(module, { [property]: value })
  }
}

/** Runs `body` with every module in one mode, and gives each its own back. */
export function inMode<T>(model: Module, mode: 'training' | 'evaluation', body: () => T): T {
  const before = model.modules().map((module) => [module, module.training] as const)
  model.train(mode === 'training')
  try {
    return body()
  } finally {
    // From the top down: a module's mode is also that of those below it, until theirs is set.
    for (const [module, training] of before) module.train(training)
  }
}
