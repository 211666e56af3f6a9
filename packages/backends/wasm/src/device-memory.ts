import { type DeviceBuffer, DisposedError, type MemoryUse, OutOfMemoryError } from '@scanline/tensor'
import { Allocator, alignment } from './allocator.js'
import type { MemoryLimits } from './assembler/index.js'
import { ConstantPool } from './constant-pool.js'
import { heapStart, poolStart } from './control.js'
import { pageBytes, type WasmMemory, WebAssembly } from './engine.js'

/** A range of the backend's linear memory. */
export class WasmBuffer implements DeviceBuffer {
  readonly memory: DeviceMemory
  readonly address: number
  readonly bytes: number
  freed = false
  constructor(memory: DeviceMemory, address: number, bytes: number) {
    this.memory = memory
    this.address = address
    this.bytes = bytes
  }
}

const initialPages = 256

/** The linear memory that all programs of one backend share, and who uses which part of it. */
export class DeviceMemory {
  readonly wasm: WasmMemory
  readonly limits: MemoryLimits
  readonly constants: ConstantPool
  readonly #allocator: Allocator
  #view: Uint8Array

  /** `maximum` in bytes. Where the engine cannot reserve that much, half of it is tried, and so on. */
  constructor(maximum: number, shared: boolean) {
    const pages = Math.min(65536, Math.max(1, Math.floor(maximum / pageBytes)))
    const reserve = (pages: number): [WasmMemory, MemoryLimits] => {
      const limits = { initial: Math.min(initialPages, pages), maximum: pages, shared }
      try {
        return [new WebAssembly.Memory(limits), limits]
      } catch (error) {
        if (pages <= initialPages)
          throw new OutOfMemoryError(
            `the engine cannot reserve ${pages * pageBytes} bytes of WebAssembly memory: ${error instanceof Error ? error.message : error}`,
          )
        return reserve(Math.ceil(pages / 2))
      }
    }
    ;[this.wasm, this.limits] = reserve(pages)
    this.#view = new Uint8Array(this.wasm.buffer)
    this.constants = new ConstantPool(poolStart, heapStart, (address, bits) =>
      new DataView(this.wasm.buffer).setInt32(address, bits, true),
    )
    this.#allocator = new Allocator(heapStart, this.#end(this.limits.initial))
  }

  alloc(bytes: number): WasmBuffer {
    let address = this.#allocator.alloc(bytes)
    if (address === undefined) {
      this.#grow(bytes)
      address = this.#allocator.alloc(bytes)!
    }
    return new WasmBuffer(this, address, bytes)
  }

  free(buffer: DeviceBuffer): void {
    const own = this.own(buffer)
    own.freed = true
    this.#allocator.free(own.address)
  }

  /** The buffer as one of ours. Throws `DisposedError` for a freed one, `TypeError` for one of another backend. */
  own(buffer: DeviceBuffer): WasmBuffer {
    if (!(buffer instanceof WasmBuffer) || buffer.memory !== this)
      throw new TypeError('the buffer belongs to another backend; move the data with data() and tensor()')
    if (buffer.freed) throw new DisposedError(`a buffer of ${buffer.bytes} bytes was used after it was freed`)
    return buffer
  }

  /** The bytes of a buffer from `offset` on; valid until the memory grows. */
  bytes(buffer: DeviceBuffer, offset: number, count: number): Uint8Array {
    const { address, bytes } = this.own(buffer)
    if (offset < 0 || offset + count > bytes)
      throw new RangeError(`bytes ${offset} … ${offset + count} lie outside a buffer of ${bytes}`)
    return this.view.subarray(address + offset, address + offset + count)
  }

  /** All of the memory, as it is now. */
  get view(): Uint8Array {
    if (this.#view.buffer !== this.wasm.buffer) this.#view = new Uint8Array(this.wasm.buffer)
    return this.#view
  }

  memory(): MemoryUse {
    return this.#allocator.memory()
  }

  #grow(bytes: number): void {
    const { tail } = this.#allocator
    const have = this.wasm.buffer.byteLength / pageBytes
    const needed = Math.ceil((bytes + alignment - tail) / pageBytes)
    const room = this.limits.maximum - have
    const { reserved, bytes: used } = this.memory()
    const failure = (why: string) =>
      new OutOfMemoryError(
        `${bytes} bytes do not fit: ${used} are in use, ${reserved} reserved, and ${why}. Free tensors, use a smaller batch, or raise maxMemory`,
      )
    if (room < needed) throw failure(`the limit is ${this.limits.maximum * pageBytes}`)
    // A quarter more than there is, so that many small growths do not each make new views; less where that is refused.
    const generous = Math.min(Math.max(needed, have >> 2), room)
    const added = [generous, needed].find((pages) => this.#tryGrow(pages))
    if (added === undefined) throw failure('the engine refused to grow the memory')
    this.#allocator.extend(this.#end(have + added))
  }

  #tryGrow(pages: number): boolean {
    try {
      this.wasm.grow(pages)
      return true
    } catch {
      return false
    }
  }

  /** Kernels may read past a tensor: the last line of the memory stays free. */
  #end(pages: number): number {
    return pages * pageBytes - alignment
  }
}
