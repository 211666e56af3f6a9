import { CheckpointError } from '../errors.js'

/** PyTorch's own limit. */
export const MAX_RANK = 64

/** Number of elements; the caller has checked that it is a safe integer. */
export const elementCount = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1)

/** Elements of the storage from the first to the last that a non-empty view touches. */
export const span = (shape: readonly number[], stride: readonly number[]): number =>
  shape.reduce((sum, size, k) => sum + (size - 1) * (stride[k] as number), 1)

export function rowMajorStride(shape: readonly number[]): number[] {
  const stride = new Array<number>(shape.length)
  let step = 1
  for (let k = shape.length - 1; k >= 0; k--) {
    stride[k] = step
    step *= Math.max(shape[k] as number, 1)
  }
  return stride
}

/** Whether the elements lie in row-major order without gaps; strides of dimensions of one element do not matter. */
export function isContiguous(shape: readonly number[], stride: readonly number[]): boolean {
  const expected = rowMajorStride(shape)
  return shape.every((size, k) => size === 1 || stride[k] === expected[k])
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/**
 * Checks a view of a storage of `elements` elements (spec/checkpoints 2.4); returns the number of elements of the view.
 * The values come from the file and may be anything.
 */
export function checkView(shape: readonly unknown[], stride: readonly unknown[], offset: unknown, elements: number): number {
  const fail = (problem: string): never => {
    const list = (values: readonly unknown[]) => values.slice(0, MAX_RANK).map(String).join(', ')
    throw new CheckpointError(
      'InvalidView',
      `tensor of shape (${list(shape)}), stride (${list(stride)}), offset ${offset}: ${problem}; the file is damaged or hostile`,
    )
  }
  if (shape.length !== stride.length) return fail('shape and stride differ in length')
  if (shape.length > MAX_RANK) return fail(`more than ${MAX_RANK} dimensions`)
  if (!isCount(offset) || !shape.every(isCount) || !stride.every(isCount))
    return fail('not all numbers are non-negative integers')
  if (shape.includes(0)) return 0
  let last = BigInt(offset)
  let count = 1n
  for (const [k, size] of shape.entries()) {
    last += BigInt(size - 1) * BigInt(stride[k] as number)
    count *= BigInt(size)
  }
  if (last >= BigInt(elements)) return fail(`its last element would be number ${last} of a storage of ${elements}`)
  if (count > BigInt(Number.MAX_SAFE_INTEGER)) return fail(`${count} elements`)
  return Number(count)
}

/** Copies the elements of a strided view into row-major order. `bytes` starts at the first element of the view. */
export function gather(bytes: Uint8Array, shape: readonly number[], stride: readonly number[], size: number): Uint8Array {
  // A complex128 is moved as two doubles.
  if (size === 16) return gather(bytes, [...shape, 2], [...stride.map((s) => s * 2), 1], 8)
  const source = elementsOf(bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes), size)
  const out = elementsOf(new Uint8Array(elementCount(shape) * size), size)
  const rank = shape.length - 1
  const inner = shape[rank] as number
  const step = stride[rank] as number
  const index = new Array<number>(rank).fill(0)
  for (let base = 0, o = 0; o < out.length; ) {
    for (let i = 0, s = base; i < inner; i++, s += step) out[o++] = source[s] as never
    for (let k = rank - 1; k >= 0; k--) {
      base += stride[k] as number
      index[k] = (index[k] as number) + 1
      if ((index[k] as number) < (shape[k] as number)) break
      base -= (shape[k] as number) * (stride[k] as number)
      index[k] = 0
    }
  }
  return new Uint8Array(out.buffer)
}

function elementsOf(
  { buffer, byteOffset, length }: Uint8Array,
  size: number,
): Uint8Array | Uint16Array | Uint32Array | BigUint64Array {
  // Integers, as a float could change the bits of a NaN on its way.
  const Type = size === 1 ? Uint8Array : size === 2 ? Uint16Array : size === 4 ? Uint32Array : BigUint64Array
  return new Type(buffer as ArrayBuffer, byteOffset, length / size)
}
