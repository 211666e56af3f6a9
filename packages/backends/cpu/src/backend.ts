import { totalmem } from 'node:os'
import {
  ArgumentError,
  type Backend,
  type Binding,
  type Capabilities,
  type DeviceBuffer,
  DeviceLostError,
  DisposedError,
  type Launch,
  type MemoryUse,
  type OpCall,
  type ProgramSpec,
  type Recording,
  type Refusal,
} from '@scanline/tensor'
import { DeviceMemory } from './device-memory.js'
import { encodeProgram, encodeSteps } from './encode.js'
import type { Target } from './kernel.js'
import { kernels } from './kernels/index.js'
import { loadAddon, type NativeDevice } from './native.js'
import { parallelism } from './parallelism.js'

export interface CpuOptions {
  /** Threads to compute in, up to 256; the caller's is not one of them. Default: as many as may run at once. */
  readonly threads?: number
  /** `avx512`, `avx2` or `neon`. Default: what the environment variable SCANLINE_CPU says, else the best there is. */
  readonly instructions?: string
  /**
   * What matrix products and dense convolutions multiply in, where the processor can; sums are f32 either way, and so is
   * everything else. `bf16` is up to twice as fast and keeps 8 bits of each factor. Default: `f32`. `compile` can choose
   * for one program (`precision`).
   */
  readonly precision?: 'f32' | 'bf16'
  /** Bytes that buffers may take. Default: the memory of the machine. */
  readonly maxMemory?: number
}

const maxThreads = 256

/**
 * A device that runs native kernels in threads of its own, off the event loop.
 *
 * @example
 * const cpu = await createCpuBackend({ threads: 2 })
 * const buffer = cpu.alloc(16)
 * cpu.write(buffer, 0, new Uint8Array(16))
 * cpu.dispose()
 *
 * @throws NativeAddonError where there is no addon, or none for this processor (the message says what was tried);
 * ArgumentError for options out of range.
 */
export async function createCpuBackend(options: CpuOptions = {}): Promise<Backend> {
  const { threads = Math.min(maxThreads, parallelism()), maxMemory = totalmem(), precision = 'f32' } = options
  if (!Number.isInteger(threads) || threads < 1 || threads > maxThreads)
    throw new ArgumentError(`threads is ${threads}; use a whole number from 1 to ${maxThreads}`)
  if (!(maxMemory >= 2 ** 20)) throw new ArgumentError(`maxMemory is ${maxMemory} bytes; use 1 MiB (1048576) or more`)
  if (precision !== 'f32' && precision !== 'bf16') throw new ArgumentError(`precision is ${precision}; use f32 or bf16`)
  const addon = loadAddon()
  const instructions = options.instructions ?? process.env['SCANLINE_CPU'] ?? ''
  const names = addon.levels.split(', ')
  if (instructions !== '' && !names.includes(instructions))
    throw new ArgumentError(`this processor does not run "${instructions}"; use one of ${names.join(', ')}`)
  return new CpuBackend(new addon.Device(threads, instructions), threads, maxMemory, precision)
}

class CpuBackend implements Backend {
  readonly name = 'cpu'
  readonly capabilities: Capabilities
  readonly lost: Promise<Error>
  readonly #device: NativeDevice
  readonly #memory: DeviceMemory
  readonly #target: Target
  #lose!: (reason: Error) => void
  #disposed = false

  constructor(device: NativeDevice, threads: number, maxMemory: number, precision: 'f32' | 'bf16') {
    this.#device = device
    this.#memory = new DeviceMemory(device, maxMemory)
    this.#target = { threads, lanes: device.lanes, bf16: { available: device.bf16, byDefault: precision === 'bf16' } }
    this.lost = new Promise((resolve) => {
      this.#lose = resolve
    })
    this.capabilities = {
      threads,
      dtypes: ['f32', 'i32', 'i64', 'u8', 'bool', 'f16', 'bf16'],
      memory: 'arena',
      alignment: 64,
      features: { instructions: device.level, bf16Products: device.bf16, maxMemory },
    }
  }

  alloc(bytes: number): DeviceBuffer {
    this.#check()
    return this.#memory.alloc(bytes)
  }

  free(buffer: DeviceBuffer): void {
    if (!this.#disposed) this.#memory.free(buffer)
  }

  write(buffer: DeviceBuffer, offset: number, data: Uint8Array): void {
    this.#check()
    this.#device.write(this.#memory.range(buffer, offset, data.byteLength), data)
  }

  async read(buffer: DeviceBuffer, offset: number, bytes: number): Promise<Uint8Array> {
    this.#check()
    return this.#settled(this.#device.read(this.#memory.range(buffer, offset, bytes), bytes))
  }

  select(call: OpCall): Launch | Refusal {
    const refusals: string[] = []
    for (const kernel of kernels) {
      if (kernel.op !== call.op || !kernel.select) continue
      const found = kernel.select(call, this.#target)
      if (!('refused' in found)) return found
      refusals.push(`${kernel.name}: ${found.refused}`)
    }
    return { refused: refusals.join('; ') || `the cpu backend has no kernel for ${call.op}` }
  }

  run({ kernel, params }: Launch, args: readonly Binding[]): void {
    this.#check()
    const places = args.map((binding) => ({ entry: -1, address: this.#address(binding) }))
    this.#device.launch(encodeSteps(0, [{ kernel, params, args: places }]))
  }

  async record(program: ProgramSpec): Promise<Recording> {
    this.#check()
    const slots: DeviceBuffer[] = []
    const freeSlots = () => {
      for (const slot of slots) this.free(slot)
    }
    try {
      for (const bytes of program.slots) slots.push(this.alloc(bytes))
      const words = encodeProgram(
        program,
        ({ from, index }) => this.#memory.own(from === 'slot' ? slots[index] : program.constants[index]).address,
      )
      return this.#recording(program, this.#device.program(words), freeSlots)
    } catch (error) {
      freeSlots()
      throw error
    }
  }

  #recording(
    { inputs: { length: inputCount }, outputs: { length: outputCount } }: ProgramSpec,
    native: ReturnType<NativeDevice['program']>,
    free: () => void,
  ): Recording {
    const table = new Float64Array(inputCount + outputCount)
    let disposed = false
    return {
      run: (inputs, outputs) => {
        this.#check()
        if (disposed) throw new DisposedError('this recording was disposed')
        if (inputs.length !== inputCount || outputs.length !== outputCount) {
          throw new ArgumentError(
            `the program binds ${inputCount} inputs and ${outputCount} outputs, got ${inputs.length} and ${outputs.length}`,
          )
        }
        for (let i = 0; i < inputCount; i++) table[i] = this.#address(inputs[i])
        for (let i = 0; i < outputCount; i++) table[inputCount + i] = this.#address(outputs[i])
        this.#device.run(native, table)
      },
      dispose: () => {
        if (disposed) return
        disposed = true
        free()
      },
    }
  }

  async done(): Promise<void> {
    this.#check()
    await this.#settled(this.#device.done())
  }

  memory(): MemoryUse {
    return this.#memory.memory()
  }

  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    this.#device.close()
  }

  #address({ buffer, offset }: Binding): number {
    return this.#memory.own(buffer).address + offset
  }

  /** Of a promise of the device: it is rejected when a run has failed, or the device was disposed meanwhile. */
  async #settled<T>(promise: Promise<T>): Promise<T> {
    try {
      return await promise
    } catch (error) {
      this.#check()
      throw error
    }
  }

  #check(): void {
    if (this.#disposed) throw new DisposedError('this cpu backend was disposed; make a new one with createCpuBackend()')
    const { failure } = this.#device
    if (failure === '') return
    const error = new DeviceLostError(`a native kernel failed (${failure}); make a new backend with createCpuBackend()`)
    this.#lose(error)
    throw error
  }
}
