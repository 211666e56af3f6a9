import { bytesPerElement, type DType, swapUnit } from '../dtype.js'
import type { TensorData } from '../entry.js'
import { elementCount, gather, isContiguous, span } from './views.js'

/** Reads bytes of one storage. */
export type ReadRange = (offset: number, length: number) => Promise<Uint8Array>

/** One block of memory of the writer; tensors with the same block share memory. */
export interface StorageBlock {
  readonly key: string
  /** Element type, or undefined for storages that are counted in bytes. */
  readonly dtype: DType | undefined
  readonly elements: number
  readonly bigEndian: boolean
  /** Known once the file's storages were found. */
  read: ReadRange
}

/** A storage as the pickle refers to it: a block, or in the legacy format a part of one. */
export class PyStorage {
  readonly block: StorageBlock
  /** First element within the block. */
  readonly offset: number
  readonly elements: number

  constructor(block: StorageBlock, offset: number, elements: number) {
    this.block = block
    this.offset = offset
    this.elements = elements
  }
}

/** A tensor of a PyTorch file: a view of a storage, checked against its bounds, and read on demand. */
export class PyTensor implements TensorData {
  readonly byteLength: number
  readonly dtype: DType
  readonly shape: readonly number[]
  /** Elements, not bytes. */
  readonly stride: readonly number[]
  /** First element within the storage. */
  readonly offset: number
  readonly storage: PyStorage
  readonly requiresGrad: boolean
  readonly parameter: boolean

  constructor(
    dtype: DType,
    shape: readonly number[],
    stride: readonly number[],
    offset: number,
    storage: PyStorage,
    requiresGrad: boolean,
    parameter: boolean,
  ) {
    this.dtype = dtype
    this.shape = shape
    this.stride = stride
    this.offset = offset
    this.storage = storage
    this.requiresGrad = requiresGrad
    this.parameter = parameter
    this.byteLength = elementCount(shape) * bytesPerElement(dtype)
  }

  /** The elements of the view in row-major order, little-endian. */
  async read(): Promise<Uint8Array> {
    if (this.byteLength === 0) return new Uint8Array(0)
    const { block, offset } = this.storage
    const size = bytesPerElement(this.dtype)
    const start = offset * (block.dtype ? size : 1) + this.offset * size
    const bytes = await block.read(start, span(this.shape, this.stride) * size)
    const elements = isContiguous(this.shape, this.stride) ? bytes : gather(bytes, this.shape, this.stride, size)
    return block.bigEndian ? swapped(elements, swapUnit(this.dtype)) : elements
  }
}

function swapped(bytes: Uint8Array, unit: number): Uint8Array {
  if (unit === 1) return bytes
  const out = new Uint8Array(bytes)
  for (let i = 0; i < out.length; i += unit) out.subarray(i, i + unit).reverse()
  return out
}
