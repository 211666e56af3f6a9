import type {
  Backend,
  Binding,
  Capabilities,
  DeviceBuffer,
  Launch,
  MemoryUse,
  OpCall,
  ProgramSpec,
  Recording,
  TensorSpec,
} from '../backend.js'
import { bytesPerElement, decode, encode } from '../dtype.js'
import { DisposedError } from '../errors.js'
import type { NdArray, Op } from '../op.js'
import { eachPosition, isContiguous, sizeOf, spanOf } from '../shape.js'
import { builtinOps } from './ops.js'

class ReferenceBuffer implements DeviceBuffer {
  readonly data: Uint8Array
  constructor(bytes: number) {
    this.data = new Uint8Array(bytes)
  }
  get bytes(): number {
    return this.data.byteLength
  }
}

/**
 * The definition that every other backend is tested against: each op's own `reference`, in doubles, rounded only when a
 * result is stored. With tensors of type f64 nothing is rounded at all. Slow on purpose: it has one kernel per op and
 * no cleverness.
 */
export class ReferenceBackend implements Backend {
  readonly name = 'reference'
  readonly capabilities: Capabilities = {
    threads: 1,
    dtypes: ['f64', 'f32', 'f16', 'bf16', 'i64', 'i32', 'u8', 'bool'],
    memory: 'arena',
    alignment: 8,
    features: {},
  }
  readonly lost: Promise<Error> = new Promise(() => {})
  readonly #ops: ReadonlyMap<string, Op>
  readonly #live = new Set<DeviceBuffer>()
  #disposed = false

  /** `ops`: further ops with a `reference`, beside those of this package. */
  constructor({ ops = [] }: { readonly ops?: readonly Op[] } = {}) {
    this.#ops = new Map([...builtinOps, ...ops].map((op) => [op.name, op]))
  }

  alloc(bytes: number): DeviceBuffer {
    if (this.#disposed) throw new DisposedError('this reference backend was disposed; make a new one')
    const buffer = new ReferenceBuffer(bytes)
    this.#live.add(buffer)
    return buffer
  }
  free(buffer: DeviceBuffer): void {
    this.#live.delete(buffer)
  }
  write(buffer: DeviceBuffer, offset: number, data: Uint8Array): void {
    bytesOf(buffer).set(data, offset)
  }
  async read(buffer: DeviceBuffer, offset: number, bytes: number): Promise<Uint8Array> {
    return bytesOf(buffer).slice(offset, offset + bytes)
  }
  select(call: OpCall): Launch | { refused: string } {
    if (!this.#ops.get(call.op)?.reference) return { refused: `op "${call.op}" has no reference implementation` }
    return { kernel: call.op, params: call }
  }
  run(launch: Launch, args: readonly Binding[]): void {
    const call = launch.params as OpCall
    const inputs = call.inputs.map((spec, i) => readDense(spec, args[i]))
    const outputs = this.#ops.get(call.op)!.reference!(inputs, call.attrs, call.outputs)
    call.outputs.forEach((spec, i) => {
      const { buffer, offset } = args[inputs.length + i]
      bytesOf(buffer).set(encode(spec.dtype, outputs[i]), offset)
    })
  }
  async record(program: ProgramSpec): Promise<Recording> {
    const slots = program.slots.map((bytes) => this.alloc(bytes))
    return {
      run: (inputs, outputs) => {
        for (const { launch, args } of program.steps) {
          this.run(
            launch,
            args.map(({ from, index, offset }) => {
              if (from === 'slot') return { buffer: slots[index], offset }
              if (from === 'constant') return { buffer: program.constants[index], offset }
              const bound = (from === 'input' ? inputs : outputs)[index]
              return { buffer: bound.buffer, offset: bound.offset + offset }
            }),
          )
        }
      },
      dispose: () => {
        for (const slot of slots) this.free(slot)
      },
    }
  }
  async done(): Promise<void> {}
  memory(): MemoryUse {
    const bytes = [...this.#live].reduce((n, b) => n + b.bytes, 0)
    return { buffers: this.#live.size, bytes, reserved: bytes }
  }
  dispose(): void {
    this.#disposed = true
    this.#live.clear()
  }
}

const bytesOf = (buffer: DeviceBuffer): Uint8Array => (buffer as ReferenceBuffer).data

/** A strided tensor's elements as a row-major array of doubles. */
function readDense({ shape, dtype, strides }: TensorSpec, { buffer, offset }: Binding): NdArray {
  const raw = decode(dtype, bytesOf(buffer).subarray(offset, offset + spanOf(shape, strides) * bytesPerElement[dtype]))
  if (isContiguous(shape, strides)) return { shape, dtype, data: raw }
  const data = new Float64Array(sizeOf(shape))
  eachPosition(shape, strides, (at, i) => {
    data[i] = raw[at]
  })
  return { shape, dtype, data }
}
