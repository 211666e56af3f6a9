import { type DeviceBuffer, DisposedError, type MemoryUse, OutOfMemoryError } from '@scanline/tensor'
import type { NativeDevice } from './native.js'

export class CpuBuffer implements DeviceBuffer {
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

/** Buffers of one device. */
export class DeviceMemory {
  readonly #device: NativeDevice
  readonly #limit: number
  #buffers = 0
  #bytes = 0

  constructor(device: NativeDevice, limit: number) {
    this.#device = device
    this.#limit = limit
  }

  alloc(bytes: number): CpuBuffer {
    const fits = this.#bytes + bytes <= this.#limit
    const address = fits ? this.#device.alloc(bytes) : 0
    if (address === 0) {
      const why = fits ? 'the system has no more' : `the limit is ${this.#limit}`
      throw new OutOfMemoryError(
        `${bytes} bytes do not fit: ${this.#bytes} are in use, and ${why}. Free tensors, use a smaller batch, or raise maxMemory`,
      )
    }
    this.#buffers++
    this.#bytes += bytes
    return new CpuBuffer(this, address, bytes)
  }

  free(buffer: DeviceBuffer): void {
    const own = this.own(buffer)
    own.freed = true
    this.#buffers--
    this.#bytes -= own.bytes
    this.#device.free(own.address)
  }

  /** The buffer as one of ours. Throws `DisposedError` for a freed one, `TypeError` for one of another backend. */
  own(buffer: DeviceBuffer): CpuBuffer {
    if (!(buffer instanceof CpuBuffer) || buffer.memory !== this)
      throw new TypeError('the buffer belongs to another backend; move the data with data() and tensor()')
    if (buffer.freed) throw new DisposedError(`a buffer of ${buffer.bytes} bytes was used after it was freed`)
    return buffer
  }

  /** The address of `count` bytes from `offset` on. */
  range(buffer: DeviceBuffer, offset: number, count: number): number {
    const { address, bytes } = this.own(buffer)
    if (offset < 0 || offset + count > bytes)
      throw new RangeError(`bytes ${offset} … ${offset + count} lie outside a buffer of ${bytes}`)
    return address + offset
  }

  memory(): MemoryUse {
    return { buffers: this.#buffers, bytes: this.#bytes, reserved: this.#device.reserved }
  }
}
