import type { Backend } from '../backend.js'
import { bytesPerElement, checkDType, type DType, type TypedArray } from '../dtype.js'
import { ShapeError } from '../errors.js'
import { scope } from '../scope.js'
import { checkShape, formatShape, type Shape, sizeOf } from '../shape.js'
import { Storage, Tensor } from '../tensor.js'
import { broadcastTo } from './view.js'

export interface CreateOptions {
  readonly device: Backend
  /** f32 unless told otherwise. */
  readonly dtype?: DType
}

type Nested = number | readonly Nested[]

/**
 * A tensor of the given values: nested arrays, whose shape it takes, or flat values and `shape`.
 * Throws `ShapeError` for ragged arrays and sizes that do not match.
 *
 * @example
 * const x = tensor([[1, 2], [3, 4]], { device })
 * const y = tensor(new Float32Array(6), { shape: [2, 3], device })
 */
export function tensor(values: Nested | TypedArray, options: CreateOptions & { readonly shape?: Shape }): Tensor {
  const { device, dtype = 'f32' } = options
  const flat =
    typeof values === 'number' || Array.isArray(values)
      ? flatten(values as Nested)
      : { data: values as TypedArray, shape: [(values as TypedArray).length] }
  const shape = options.shape ?? flat.shape
  if (sizeOf(shape) !== flat.data.length)
    throw new ShapeError(`${flat.data.length} values do not fill the shape ${formatShape(shape)} (${sizeOf(shape)})`)
  const result = empty(shape, { device, dtype })
  result.write(flat.data)
  return result
}

function flatten(values: Nested): { data: number[]; shape: number[] } {
  const shape: number[] = []
  for (let level = values; typeof level !== 'number'; level = level[0] ?? 0) {
    shape.push(level.length)
    if (level.length === 0) break
  }
  const data: number[] = []
  const visit = (value: Nested, depth: number): void => {
    if (typeof value === 'number') {
      if (depth !== shape.length)
        throw new ShapeError(`nested arrays must be equally deep; found a number at depth ${depth} of ${shape.length}`)
      data.push(value)
      return
    }
    if (value.length !== shape[depth])
      throw new ShapeError(`nested arrays must be equally long; found ${value.length} entries beside ${shape[depth]}`)
    for (const v of value) visit(v, depth + 1)
  }
  visit(values, 0)
  return { data, shape }
}

/** A tensor whose contents are undefined until they are written. */
export function empty(shape: Shape, { device, dtype = 'f32' }: CreateOptions): Tensor {
  checkShape(shape)
  checkDType(dtype)
  return new Tensor(new Storage(device, sizeOf(shape) * bytesPerElement[dtype]), { shape, dtype })
}

/** One value everywhere: a view that repeats a single element. */
export function full(shape: Shape, value: number, options: CreateOptions): Tensor {
  return scope(() => broadcastTo(tensor([value], { ...options, shape: shape.map(() => 1) }), shape))
}

export const zeros = (shape: Shape, options: CreateOptions): Tensor => full(shape, 0, options)
export const ones = (shape: Shape, options: CreateOptions): Tensor => full(shape, 1, options)

/** One value in the shape, element type and device of `x`. */
export const fullLike = (x: Tensor, value: number): Tensor => full(x.shape, value, { device: x.device, dtype: x.dtype })

/** `start`, `start + step`, … : `n` numbers. */
export function arange(
  n: number,
  { start = 0, step = 1, ...options }: CreateOptions & { readonly start?: number; readonly step?: number },
): Tensor {
  return tensor(
    Array.from({ length: n }, (_, i) => start + i * step),
    options,
  )
}
