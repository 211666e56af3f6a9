import {
  ArgumentError,
  type Backend,
  type Binding,
  type Capabilities,
  type DeviceBuffer,
  DisposedError,
  type Launch,
  type MemoryUse,
  type OpCall,
  type ProgramSpec,
  type Recording,
  type Ref,
  type Refusal,
} from '@scanline/tensor'
import { alignment } from './allocator.js'
import { DeviceMemory, type WasmBuffer } from './device-memory.js'
import { WebAssembly } from './engine.js'
import { enableRelaxedSimd, findHost } from './host.js'
import type { Kernel } from './kernel.js'
import { kernels } from './kernels/index.js'
import { launchKey, type Place, type PlacedStep, programBytes } from './program.js'
import { type LoadedProgram, Threads } from './threads.js'

export interface WasmOptions {
  /**
   * Threads to use, the caller's included, up to 256. Default: as many as can run at once. Where workers cannot share
   * memory: 1.
   */
  readonly threads?: number
  /** Use fused multiply-add where the engine has it. Default: true. */
  readonly relaxedSimd?: boolean
  /** Bytes that the device may take from the system. Default, and the most there is: 4 GiB. */
  readonly maxMemory?: number
}

const maxThreads = 256
/** Eager launches whose code is kept. */
const cachedPrograms = 512
/** Arguments that an eager launch may bind. */
const maxArguments = 64

const kernelsByName = new Map(kernels.map((k) => [k.name, k]))

/**
 * A device that runs on WebAssembly: in Node, browsers and anywhere else with SIMD.
 *
 * @example
 * const wasm = await createWasmBackend({ threads: 2 })
 * const buffer = wasm.alloc(16)
 * wasm.write(buffer, 0, new Uint8Array(16))
 * wasm.dispose()
 *
 * @throws ArgumentError for options out of range.
 */
export async function createWasmBackend(options: WasmOptions = {}): Promise<Backend> {
  const { maxMemory = 2 ** 32 } = options
  const host = findHost()
  const wanted = options.threads ?? Math.min(maxThreads, host.parallelism)
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > maxThreads)
    throw new ArgumentError(`threads is ${wanted}; use a whole number from 1 to ${maxThreads}`)
  if (!(maxMemory >= 2 ** 20 && maxMemory <= 2 ** 32))
    throw new ArgumentError(`maxMemory is ${maxMemory} bytes; use 1 MiB (1048576) to 4 GiB (4294967296)`)
  // First, as Node takes the flag only before anything was compiled.
  const relaxedSimd = enableRelaxedSimd() && options.relaxedSimd !== false
  if (wanted > 1 && host.threads) {
    const memory = new DeviceMemory(maxMemory, true)
    const threads = new Threads(memory.wasm, host)
    if (await threads.start(wanted - 1)) return new WasmBackend(memory, threads, relaxedSimd)
  }
  const memory = new DeviceMemory(maxMemory, false)
  return new WasmBackend(memory, new Threads(memory.wasm, host), relaxedSimd)
}

class WasmBackend implements Backend {
  readonly name = 'wasm'
  readonly capabilities: Capabilities
  readonly #memory: DeviceMemory
  readonly #threads: Threads
  readonly #relaxedSimd: boolean
  readonly #table: WasmBuffer
  /** Buffers that are ours, not the user's. */
  #internal = 1
  readonly #eager = new Map<string, LoadedProgram>()
  #disposed = false

  constructor(memory: DeviceMemory, threads: Threads, relaxedSimd: boolean) {
    this.#memory = memory
    this.#threads = threads
    this.#relaxedSimd = relaxedSimd
    this.#table = memory.alloc(4 * maxArguments)
    this.capabilities = {
      threads: threads.count,
      dtypes: ['f32', 'i32', 'i64', 'u8', 'bool', 'f16', 'bf16'],
      memory: 'arena',
      alignment,
      features: { simd: true, relaxedSimd, sharedMemory: memory.limits.shared, maxMemory: memory.limits.maximum * 65536 },
    }
  }

  get lost(): Promise<Error> {
    return this.#threads.lost
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
    this.#memory.bytes(buffer, offset, data.byteLength).set(data)
  }

  async read(buffer: DeviceBuffer, offset: number, bytes: number): Promise<Uint8Array> {
    this.#check()
    return new Uint8Array(this.#memory.bytes(buffer, offset, bytes))
  }

  select(call: OpCall): Launch | Refusal {
    const refusals: string[] = []
    for (const kernel of kernels) {
      if (kernel.op !== call.op || !kernel.select) continue
      const found = kernel.select(call, this.capabilities)
      if (!('refused' in found)) return found
      refusals.push(`${kernel.name}: ${found.refused}`)
    }
    return { refused: refusals.join('; ') || `the wasm backend has no kernel for ${call.op}` }
  }

  run(launch: Launch, args: readonly Binding[]): void {
    this.#check()
    const program = this.#eagerProgram(launch, args.length)
    for (let i = 0; i < args.length; i++) this.#setPointer(this.#table, i, args[i])
    this.#threads.run(program, this.#table.address)
  }

  async record(program: ProgramSpec): Promise<Recording> {
    this.#check()
    const own: WasmBuffer[] = []
    try {
      return await this.#record(program, own)
    } catch (error) {
      this.#freeAll(own)
      throw error
    }
  }

  /** Every buffer that it allocates for the recording goes into `own`, also when it fails. */
  async #record(program: ProgramSpec, own: WasmBuffer[]): Promise<Recording> {
    for (const bytes of program.slots) own.push(this.#memory.alloc(bytes))
    const table = this.#memory.alloc(4 * (program.inputs.length + program.outputs.length))
    own.push(table)
    const place = (ref: Ref): Place => {
      if (ref.from === 'input') return { entry: ref.index, offset: ref.offset }
      if (ref.from === 'output') return { entry: program.inputs.length + ref.index, offset: ref.offset }
      const buffer = ref.from === 'slot' ? own[ref.index] : this.#memory.own(program.constants[ref.index])
      return { address: buffer.address + ref.offset }
    }
    const steps = program.steps.map(({ launch, args }) => ({ launch, args: args.map(place) }))
    const { bytes, threaded } = this.#bytes(steps)
    const module = await WebAssembly.compile(bytes)
    this.#check()
    const loaded = this.#threads.load(module, threaded)
    let disposed = false
    return {
      run: (inputs, outputs) => {
        this.#check()
        if (disposed) throw new DisposedError('this recording was disposed')
        if (inputs.length !== program.inputs.length || outputs.length !== program.outputs.length) {
          throw new ArgumentError(
            `the program binds ${program.inputs.length} inputs and ${program.outputs.length} outputs, got ${inputs.length} and ${outputs.length}`,
          )
        }
        for (let i = 0; i < inputs.length; i++) this.#setPointer(table, i, inputs[i])
        for (let i = 0; i < outputs.length; i++) this.#setPointer(table, inputs.length + i, outputs[i])
        this.#threads.run(loaded, table.address)
      },
      dispose: () => {
        if (disposed || this.#disposed) return
        disposed = true
        this.#threads.unload(loaded)
        this.#freeAll(own)
      },
    }
  }

  #freeAll(buffers: readonly WasmBuffer[]): void {
    if (!this.#disposed) for (const buffer of buffers) this.#memory.free(buffer)
  }

  async done(): Promise<void> {
    this.#check()
  }

  memory(): MemoryUse {
    const { buffers, bytes, reserved } = this.#memory.memory()
    return { buffers: buffers - this.#internal, bytes: bytes - this.#table.bytes, reserved }
  }

  dispose(): void {
    this.#disposed = true
    this.#eager.clear()
    this.#threads.stop()
  }

  #check(): void {
    if (this.#disposed) throw new DisposedError('this wasm backend was disposed; make a new one with createWasmBackend()')
    this.#threads.check()
  }

  #setPointer(table: WasmBuffer, entry: number, { buffer, offset }: Binding): void {
    const { address } = this.#memory.own(buffer)
    this.#pointers(table)[entry] = address + offset
  }

  #pointerView: Uint32Array | undefined
  #pointerTable: WasmBuffer | undefined

  /** The table as words; kept between runs so that replaying allocates nothing. */
  #pointers(table: WasmBuffer): Uint32Array {
    if (this.#pointerTable !== table || this.#pointerView?.buffer !== this.#memory.wasm.buffer) {
      this.#pointerTable = table
      this.#pointerView = new Uint32Array(this.#memory.wasm.buffer, table.address, table.bytes / 4)
    }
    return this.#pointerView!
  }

  #eagerProgram(launch: Launch, args: number): LoadedProgram {
    const key = launchKey(launch.kernel, launch.params)
    let program = this.#eager.get(key)
    if (program) this.#eager.delete(key)
    else {
      const places = Array.from({ length: args }, (_, entry) => ({ entry, offset: 0 }))
      if (places.length > maxArguments)
        throw new ArgumentError(`a launch binds ${places.length} buffers; at most ${maxArguments} are supported`)
      const { bytes, threaded } = this.#bytes([{ launch, args: places }])
      program = this.#threads.load(new WebAssembly.Module(bytes), threaded)
    }
    // Last used last: the first of the map is the one to drop.
    this.#eager.set(key, program)
    const [oldest] = this.#eager
    if (this.#eager.size > cachedPrograms) {
      this.#eager.delete(oldest[0])
      this.#threads.unload(oldest[1])
    }
    return program
  }

  #bytes(steps: readonly PlacedStep[]) {
    return programBytes(steps, {
      memory: this.#memory.limits,
      threads: this.#threads.count,
      relaxedSimd: this.#relaxedSimd,
      constants: this.#memory.constants,
      kernel: kernelNamed,
    })
  }
}

function kernelNamed(name: string): Kernel {
  const kernel = kernelsByName.get(name)
  if (!kernel)
    throw new ArgumentError(`the wasm backend has no kernel named ${name}; it has ${[...kernelsByName.keys()].join(', ')}`)
  return kernel
}
