import { ArgumentError, gelu, relu, silu, type Tensor } from '@scanline/tensor'

const functions = { gelu, silu, relu } as const

export type ActivationName = keyof typeof functions

/** The function of a name that configurations use. Throws `ArgumentError` for others. */
export function activation(name: ActivationName): (x: Tensor) => Tensor {
  if (Object.hasOwn(functions, name)) return functions[name]
  throw new ArgumentError(`"${name}" is no activation known here; there are ${Object.keys(functions).join(', ')}`)
}
