import type { Backend, Capabilities, DeviceBuffer, Launch, MemoryUse, OpCall, Recording } from '@scanline/tensor'
import { CostError } from './errors.js'

/**
 * A device of shapes without numbers: nothing is allocated and nothing is computed, so that a model of a thousand million
 * parameters is built and traced in milliseconds. Work that depends on weights alone runs here while a model is traced,
 * and so leaves no trace: `compile` does it once, not for each image.
 */
export class ShapeBackend implements Backend {
  readonly name = 'shapes'
  readonly capabilities: Capabilities = {
    threads: 1,
    dtypes: ['f64', 'f32', 'f16', 'bf16', 'i64', 'i32', 'u8', 'bool'],
    memory: 'arena',
    alignment: 8,
    features: {},
  }
  readonly lost: Promise<Error> = new Promise(() => {})

  alloc(bytes: number): DeviceBuffer {
    return { bytes }
  }
  free(): void {}
  write(): void {}
  select(call: OpCall): Launch {
    return { kernel: call.op, params: undefined }
  }
  run(): void {}
  async read(): Promise<Uint8Array> {
    throw new CostError('this model reads numbers while it is traced; its work depends on them and cannot be counted by shapes')
  }
  async record(): Promise<Recording> {
    throw new CostError('a device of shapes runs no programs; hand another backend to compile()')
  }
  async done(): Promise<void> {}
  memory(): MemoryUse {
    return { buffers: 0, bytes: 0, reserved: 0 }
  }
  dispose(): void {}
}
