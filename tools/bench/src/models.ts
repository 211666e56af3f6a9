import { type Backend, Generator } from '@scanline/tensor'
import { type Backbone, createModel, modelInfo } from '@scanline/zoo'

/** A model with random weights, the same on every device. Rejects with the zoo's `UnknownModelError`. */
export const buildModel = (name: string, device: Backend): Promise<Backbone> =>
  createModel(name, { device, generator: new Generator(1) })

/** Throws the zoo's `UnknownModelError`, with near misses, for a name that no model has. */
export function checkModel(name: string): void {
  modelInfo(name)
}
