import { ArgumentError, type Tensor, unscoped } from '@scanline/tensor'
import type { Module } from './module.js'
import { parameterKey } from './parameter-key.js'

type Pending = Map<Module, Map<string, Tensor>>

const captures: Pending[] = []

const own = (module: Module, property: string): Tensor => (module as unknown as Readonly<Record<string, Tensor>>)[property]

/** The value that a buffer has by now: that of an enclosing `captureBuffers` if the forward pass changed it there. */
export const currentBuffer = (module: Module, property: string): Tensor =>
  captures.at(-1)?.get(module)?.get(property) ?? own(module, property)

/**
 * Gives a buffer a new value, in training mode: at once, or within `captureBuffers` as one of its results. The old tensor
 * is freed; `stateDict()` gives the new one.
 *
 * Throws `ArgumentError` for a value of a program being compiled that nobody captures: it would be lost.
 */
export function updateBuffer(module: Module, property: string, value: Tensor): void {
  const capture = captures.at(-1)
  if (!capture && value.traced)
    throw new ArgumentError(
      `${module.constructor.name} is in training mode and updates its ${parameterKey(property)} in a function being compiled; wrap the forward pass in captureBuffers(model, …) and return the buffers, or call eval()`,
    )
  const kept = unscoped(() => value.alias())
  if (!capture) {
    own(module, property).dispose()
    Object.assign(module, { [property]: kept })
    return
  }
  const values = capture.get(module) ?? new Map<string, Tensor>()
  values.get(property)?.dispose()
  capture.set(module, values.set(property, kept))
}

/**
 * Runs a forward pass whose running statistics are results instead of being stored, by their names in the state dict: for a
 * training step that is compiled, where nothing can be stored.
 *
 * Throws what `body` throws, and `ArgumentError` if it updates a module that is not part of `model`.
 *
 * @example
 * const program = await compile((x) => {
 *   const { result, buffers } = captureBuffers(model, () => mean(model.forward(x)))
 *   return { loss: result, buffers }
 * }, [x], { device })
 */
export function captureBuffers<T>(
  model: Module,
  body: () => T,
): { readonly result: T; readonly buffers: Readonly<Record<string, Tensor>> } {
  const pending: Pending = new Map()
  captures.push(pending)
  try {
    const result = body()
    const paths = new Map(model.namedModules().map(([path, module]) => [module, path]))
    const buffers: Record<string, Tensor> = {}
    for (const [module, values] of pending)
      for (const [property, value] of values) {
        const path = paths.get(module)
        if (path === undefined)
          throw new ArgumentError(
            `captureBuffers was given a ${model.constructor.name}, and a ${module.constructor.name} that is no part of it updated its buffers; give it the module that holds both`,
          )
        buffers[path === '' ? parameterKey(property) : `${path}.${parameterKey(property)}`] = value.alias()
      }
    return { result, buffers }
  } finally {
    captures.pop()
    for (const values of pending.values()) for (const value of values.values()) value.dispose()
  }
}
