import type { Backend, Binding, DeviceBuffer, TensorSpec } from './backend.js'
import { bytesPerElement, type DType, decode, encode, type TypedArray, viewBytes } from './dtype.js'
import { DeviceError, DisposedError, ShapeError } from './errors.js'
import { adopt } from './scope.js'
import { contiguousStrides, eachPosition, formatShape, isContiguous, type Shape, sizeOf, spanOf } from './shape.js'
import type { Tracer } from './tracer.js'

/** A device buffer that tensors share: views of one another, and handles that a gradient tape keeps. */
export class Storage {
  readonly backend: Backend
  readonly buffer: DeviceBuffer
  #references = 1

  constructor(backend: Backend, bytes: number) {
    this.backend = backend
    this.buffer = backend.alloc(bytes)
  }
  retain(): this {
    this.#references++
    return this
  }
  release(): void {
    if (--this.#references === 0) this.backend.free(this.buffer)
  }
}

/** A value of a program being traced: known by shape and type only. */
export interface Traced {
  readonly tracer: Tracer
  readonly value: number
}

interface Layout {
  readonly shape: Shape
  readonly dtype: DType
  readonly strides?: readonly number[]
  /** Elements. */
  readonly offset?: number
  /** Handles of the same value share it. */
  readonly id?: number
}

let nextId = 1
let leakReport: ((message: string) => void) | undefined

/**
 * Reports every tensor that the garbage collector frees because nobody disposed it, with the stack that made it.
 * For development: taking a stack per tensor costs time.
 */
export function reportLeaks(report: ((message: string) => void) | undefined): void {
  leakReport = report
}

const backstop = new FinalizationRegistry<{ storage: Storage; leak: string | undefined }>(({ storage, leak }) => {
  storage.release()
  if (leak !== undefined) leakReport?.(leak)
})

/**
 * An n-dimensional array on a device. Shape, element type and device are known at once; the numbers arrive with
 * `await t.data()`. Ops never consume their arguments. Free it with `using`, `dispose()` or a `scope`.
 */
export class Tensor {
  readonly shape: Shape
  readonly dtype: DType
  /** Elements between neighbours along each axis; 0 where a broadcast repeats. */
  readonly strides: readonly number[]
  /** First element, counted from the start of the buffer. */
  readonly offset: number
  readonly id: number
  #source: Storage | Traced | undefined

  /** Not for users: tensors come from `tensor()`, `zeros()`, … and from ops. Takes over one reference to a storage. */
  constructor(source: Storage | Traced, layout: Layout) {
    this.#source = source
    this.shape = layout.shape
    this.dtype = layout.dtype
    this.strides = layout.strides ?? contiguousStrides(layout.shape)
    this.offset = layout.offset ?? 0
    this.id = layout.id ?? nextId++
    if (source instanceof Storage) {
      const leak = leakReport && `${this} was never disposed; it was made here:\n${new Error().stack}`
      backstop.register(this, { storage: source, leak }, this)
      adopt(this)
    }
  }

  get size(): number {
    return sizeOf(this.shape)
  }
  get rank(): number {
    return this.shape.length
  }
  get device(): Backend {
    const source = this.source
    return source instanceof Storage ? source.backend : source.tracer.backend
  }
  get disposed(): boolean {
    return this.#source === undefined
  }
  /** Storage or traced value. Throws `DisposedError`. */
  get source(): Storage | Traced {
    if (this.#source === undefined)
      throw new DisposedError(`${this} was disposed before this use; keep it by returning it from its scope, or dispose it later`)
    return this.#source
  }
  get traced(): Traced | undefined {
    const source = this.source
    return source instanceof Storage ? undefined : source
  }
  /** The storage of a real tensor. Throws `DeviceError` for a traced one. */
  get storage(): Storage {
    const source = this.source
    if (source instanceof Storage) return source
    throw new DeviceError(
      `${this} is a value of a program being compiled and has no numbers yet; return it from the compiled function to read it`,
    )
  }
  get contiguous(): boolean {
    return isContiguous(this.shape, this.strides)
  }
  get spec(): TensorSpec {
    return { shape: this.shape, dtype: this.dtype, strides: this.strides }
  }
  get binding(): Binding {
    return { buffer: this.storage.buffer, offset: this.offset * bytesPerElement[this.dtype] }
  }

  /**
   * The elements in row-major order, as a copy. f16 and bf16 arrive as bit patterns in a `Uint16Array`.
   * Rejects with `DisposedError`, `DeviceError` for a traced tensor, `DeviceLostError`.
   */
  async data(): Promise<TypedArray> {
    const { storage, binding } = this
    const element = bytesPerElement[this.dtype]
    const raw = viewBytes(
      this.dtype,
      await storage.backend.read(binding.buffer, binding.offset, spanOf(this.shape, this.strides) * element),
    )
    if (this.contiguous) return raw
    const dense = viewBytes(this.dtype, new Uint8Array(this.size * element))
    eachPosition(this.shape, this.strides, (at, i) => {
      dense[i] = raw[at]
    })
    return dense
  }

  /**
   * The only element of a tensor of size 1, as a number whatever its type. Throws `ShapeError` for other sizes,
   * `DTypeError` for an i64 beyond 2^53.
   */
  async item(): Promise<number> {
    if (this.size !== 1) throw new ShapeError(`item() needs a tensor of one element, ${this} has ${this.size}; use data()`)
    const { storage, binding } = this
    return decode(this.dtype, await storage.backend.read(binding.buffer, binding.offset, bytesPerElement[this.dtype]))[0]
  }

  /**
   * Overwrites the elements, row-major; views of the same memory change too. For loading weights: a program compiled
   * before may have packed or folded the old ones, so compile again. A `Uint16Array` writes bit patterns to f16 and bf16.
   * Throws `ShapeError` for another number of values, and for a view that is not contiguous.
   */
  write(values: TypedArray | readonly number[]): void {
    if (values.length !== this.size)
      throw new ShapeError(`write() got ${values.length} values for ${this}, which holds ${this.size}`)
    if (!this.contiguous)
      throw new ShapeError(
        `write() needs a contiguous tensor, ${this} is a view with strides ${formatShape(this.strides)}; write to what it is a view of`,
      )
    const { buffer, offset } = this.binding
    this.storage.backend.write(buffer, offset, encode(this.dtype, values))
  }

  /** Another handle of the same value: it lives until both are disposed. */
  alias(): Tensor {
    const source = this.source
    return new Tensor(source instanceof Storage ? source.retain() : source, this)
  }

  /** Frees the value, once every view of it is freed too. Doing so twice is harmless. */
  dispose(): void {
    if (this.#source instanceof Storage) {
      backstop.unregister(this)
      this.#source.release()
    }
    this.#source = undefined
  }
  [Symbol.dispose](): void {
    this.dispose()
  }

  toString(): string {
    const source = this.#source
    const place = source === undefined ? 'disposed' : source instanceof Storage ? source.backend.name : 'traced'
    return `Tensor ${this.dtype}${formatShape(this.shape)} (${place})`
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}
