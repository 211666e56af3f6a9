import type { StateEntry, StateSource, StateValue } from '@scanline/nn'
import { encode, type Shape, Tensor } from '@scanline/tensor'

/** timm stores channel norms as [C], the authors as [1, C, 1] and [1, C, 1, 1]: entries in the shapes of `target`. */
export function withNormShapes(source: StateSource, target: ReadonlyMap<string, Tensor>): [string, StateValue][] {
  return [...source].map(([name, value]) => {
    const shape = target.get(name)?.shape
    const flat = shape && value.shape.length === 1 && shape.length > 1
    const same = flat && shape.every((d, axis) => d === (axis === 1 ? value.shape[0] : 1))
    return [name, same ? reshaped(value, shape) : value]
  })
}

function reshaped(value: StateValue, shape: Shape): StateValue {
  if (value instanceof Tensor)
    return { shape, dtype: value.dtype, read: async () => encode(value.dtype, await value.data()) } satisfies StateEntry
  return 'data' in value ? { shape, data: value.data } : { shape, dtype: value.dtype, read: () => value.read() }
}
