import type { DType } from './dtype.js'
import { CheckpointError, shapeText } from './errors.js'

/** Something that a writer can write: a tensor without its name. {@link TensorEntry} is one, so files can be converted entry by entry. */
export interface TensorData {
  readonly dtype: DType
  readonly shape: readonly number[]
  /** Row-major little-endian elements. Asked for once per write, one tensor at a time. */
  read(): Uint8Array | Promise<Uint8Array>
}

/** A tensor of an open file. Nothing but its place is in memory until it is read. */
export interface TensorEntry extends TensorData {
  readonly name: string
  /** Bytes that `read` gives. */
  readonly byteLength: number
  /**
   * Row-major little-endian elements; views are made contiguous, big-endian files are swapped. The bytes may be a view of
   * the source at an odd address: do not write to them, and decode them with `toTypedArray` or `toFloat32`.
   */
  read(): Promise<Uint8Array>
}

export function named(name: string, tensor: Omit<TensorEntry, 'name'>): TensorEntry {
  return { name, dtype: tensor.dtype, shape: tensor.shape, byteLength: tensor.byteLength, read: () => tensor.read() }
}

type Elements =
  | Float64Array
  | Float32Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array

/**
 * A tensor to write, from a typed array in row-major order.
 *
 * @param dtype the element type of the bytes: `Uint16Array` may hold `u16`, or the bits of `f16` and `bf16`
 * @example
 * tensorData('f32', [2, 2], new Float32Array([1, 2, 3, 4]))
 */
export function tensorData(dtype: DType, shape: readonly number[], elements: Elements): TensorData {
  const bytes = new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength)
  return { dtype, shape, read: () => bytes }
}

/** The bytes of `tensor`, of which there must be `length`. */
export async function readAll(tensor: TensorData, length: number, name: string): Promise<Uint8Array> {
  const bytes = await tensor.read()
  if (bytes.length !== length)
    throw new CheckpointError(
      'InvalidTensor',
      `tensor ${name}: ${tensor.dtype} ${shapeText(tensor.shape)} takes ${length} bytes, but ${bytes.length} were given`,
    )
  return bytes
}
