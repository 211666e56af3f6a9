import type { DType } from './dtype.js'
import type { Shape } from './shape.js'

/** One tensor as a kernel sees it. Strides count elements; 0 repeats (a broadcast), and none is negative. */
export interface TensorSpec {
  readonly shape: Shape
  readonly dtype: DType
  readonly strides: readonly number[]
}

/** One op applied to specs: what a backend selects a kernel for. Plain data. */
export interface OpCall {
  readonly op: string
  readonly inputs: readonly TensorSpec[]
  /** Always contiguous. */
  readonly outputs: readonly TensorSpec[]
  readonly attrs: Attrs
}

export type Attrs = Readonly<Record<string, unknown>>

/**
 * A kernel chosen for a call: plain data that can be printed, hashed, tested without a device, and replayed. Arguments
 * are bound in the order inputs, outputs, scratch.
 */
export interface Launch {
  readonly kernel: string
  /** Everything that specialises the code: numbers, strings, expressions. JSON. */
  readonly params: unknown
  /**
   * Inputs that the kernel wants laid out another way (a packed weight, a contiguous copy). Run before the kernel, each
   * into a buffer of its own; `compile` runs those of constants once.
   */
  readonly prepare?: readonly Prepare[]
  /** Bytes of working memory, bound as the last argument. */
  readonly scratch?: number
}

export interface Prepare {
  /** The input that is replaced. */
  readonly input: number
  /** Takes that input, gives the new layout. */
  readonly launch: Launch
  /** Bytes of the new layout. */
  readonly bytes: number
}

/** Why a backend has no kernel for a call; part of the error when the op does not decompose either. */
export interface Refusal {
  readonly refused: string
}

/** Device memory. Opaque: only the backend that made it can read what it is. */
export interface DeviceBuffer {
  readonly bytes: number
}

/** A buffer and where in it a tensor starts. */
export interface Binding {
  readonly buffer: DeviceBuffer
  /** Bytes. */
  readonly offset: number
}

/** Where an argument of a recorded step lives. */
export interface Ref {
  readonly from: 'input' | 'output' | 'constant' | 'slot'
  readonly index: number
  /** Bytes. */
  readonly offset: number
}

export interface Step {
  readonly launch: Launch
  readonly args: readonly Ref[]
}

/** A whole program, planned to the byte, ready to be recorded. */
export interface ProgramSpec {
  /** Bytes of each input and output; bound anew on every run. */
  readonly inputs: readonly number[]
  readonly outputs: readonly number[]
  /** Weights, packed as their kernels want them. They stay the caller's. */
  readonly constants: readonly DeviceBuffer[]
  /** Bytes of the working memory: one arena, or whole buffers to be reused (see `Capabilities.memory`). */
  readonly slots: readonly number[]
  readonly steps: readonly Step[]
}

/** A recorded program. `run` enqueues it and allocates nothing. */
export interface Recording {
  /**
   * An output may be bound to the memory of an input. The program is planned for it: nothing reads that input after the
   * step that writes the output, and only a pointwise step whose elements lie alike in both reads it in that step. So steps
   * must keep their order towards inputs too, and a pointwise kernel reads an element before it writes there, once.
   */
  run(inputs: readonly Binding[], outputs: readonly Binding[]): void
  dispose(): void
}

export interface Capabilities {
  /** Threads that a launch is split over. */
  readonly threads: number
  readonly dtypes: readonly DType[]
  /**
   * `arena`: steps may use any aligned range of one slot. `buffers`: usage is tracked per whole buffer (WebGPU), so a
   * slot holds one value at a time.
   */
  readonly memory: 'arena' | 'buffers'
  /** Bytes that every planned offset is a multiple of. */
  readonly alignment: number
  /** What the host and the engine offer, for printing: `{ relaxedSimd: true, … }`. */
  readonly features: Readonly<Record<string, boolean | number | string>>
}

export interface MemoryUse {
  readonly buffers: number
  readonly bytes: number
  /** Bytes taken from the system, free ones included. */
  readonly reserved: number
}

/**
 * A device: a set of kernels and the ability to run them. Handed in wherever it is used, never a global, so that two can
 * live side by side. A synchronous method enqueues; a Promise waits for bytes, a compile or the device.
 */
export interface Backend {
  readonly name: string
  readonly capabilities: Capabilities
  /** Throws `OutOfMemoryError`. The contents are undefined. */
  alloc(bytes: number): DeviceBuffer
  /** Harmless after `dispose`: the garbage collector frees tensors at any time. */
  free(buffer: DeviceBuffer): void
  write(buffer: DeviceBuffer, offset: number, data: Uint8Array): void
  /** A copy that stays valid. Rejects with `DeviceLostError`; never gives zeros for a failed read. */
  read(buffer: DeviceBuffer, offset: number, bytes: number): Promise<Uint8Array>
  /** Pure: depends on the call and the capabilities only. */
  select(call: OpCall): Launch | Refusal
  /** Enqueues one launch, its `prepare` already done. */
  run(launch: Launch, args: readonly Binding[]): void
  record(program: ProgramSpec): Promise<Recording>
  /** Resolves when everything enqueued so far has finished. */
  done(): Promise<void>
  /** Resolves, with the reason, if the device is lost; stays pending otherwise. */
  readonly lost: Promise<Error>
  memory(): MemoryUse
  /** Frees everything, stops threads. Further use throws `DisposedError`. */
  dispose(): void
}
