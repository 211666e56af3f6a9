import { reshape, slice, type Tensor } from '@scanline/tensor'

/** The numbers of a step side by side, for one tensor: an input of the compiled step. */
export const pack = (scalars: Readonly<Record<string, number>>): Float64Array => Float64Array.from(Object.values(scalars))

/** Views of a vector's elements under names, of shape []. */
export function unpack<Name extends string>(vector: Tensor, names: readonly Name[]): Record<Name, Tensor> {
  const entries = names.map((name, i) => [name, reshape(slice(vector, 0, i, i + 1), [])])
  return Object.fromEntries(entries) as Record<Name, Tensor>
}
