import {
  type Backend,
  bytesPerElement,
  contiguousStrides,
  copyOp,
  type DeviceBuffer,
  isContiguous,
  type Launch,
  launchNow,
  type OpCall,
  type Prepare,
  sizeOf,
  type Tensor,
  type TensorSpec,
  unscoped,
  unsupported,
  type ValueSpec,
} from '@scanline/tensor'
import type { Graph, Node } from './graph.js'
import { trace } from './trace.js'

/** Where an argument lies before memory is planned: `buffer` numbers the values that steps write. */
export interface Location {
  readonly from: 'input' | 'constant' | 'buffer'
  readonly index: number
  /** Bytes. */
  readonly offset: number
}

/** A tensor of the program: a location and the layout of its elements there. */
interface Place extends Location {
  readonly spec: TensorSpec
}

export interface LoweredStep {
  readonly op: string
  readonly launch: Launch
  readonly args: readonly Location[]
  /** Arguments from this one on are written. */
  readonly writes: number
  readonly flops: number
}

export interface Lowered {
  readonly steps: readonly LoweredStep[]
  /** Bytes of each value that steps write. */
  readonly buffers: readonly number[]
  readonly constants: readonly DeviceBuffer[]
  /** Which buffer is the k-th output. */
  readonly outputs: readonly number[]
  /** Frees what the constants hold on to. */
  release(): void
}

/**
 * Chooses a kernel for every node. Views become layouts; weights are packed here, once; what no kernel takes is
 * decomposed; what must be laid out anew while running becomes steps of its own.
 */
export function lower(graph: Graph): Lowered {
  const lowering = new Lowering(graph.backend)
  try {
    const places = new Map(graph.inputs.map((v, i) => [v, input(i, graph.specs[v])]))
    lowering.nodes(graph, places)
    const outputs = graph.outputs.map((v) => lowering.output(places.get(v) ?? lowering.constant(graph.constants.get(v)!)))
    return { ...lowering.finish(), outputs, release: () => lowering.release() }
  } catch (error) {
    lowering.release()
    throw error
  }
}

const dense = ({ shape, dtype }: ValueSpec): TensorSpec => ({ shape, dtype, strides: contiguousStrides(shape) })
const bytesOf = ({ shape, dtype }: ValueSpec): number => sizeOf(shape) * bytesPerElement[dtype]
const input = (index: number, spec: ValueSpec): Place => ({ from: 'input', index, offset: 0, spec: dense(spec) })

class Lowering {
  readonly backend: Backend
  readonly steps: LoweredStep[] = []
  readonly buffers: number[] = []
  /** Buffers of constants, and how to let go of each. */
  readonly #constants: { readonly buffer: DeviceBuffer; readonly release: () => void }[] = []
  readonly #known = new Map<string | Tensor, number>()
  readonly #outputs = new Set<number>()

  constructor(backend: Backend) {
    this.backend = backend
  }

  release(): void {
    for (const { release } of this.#constants.splice(0)) release()
  }

  /** What was lowered. Constants that were only packed from, and are read by no step, are let go. */
  finish(): Pick<Lowered, 'steps' | 'buffers' | 'constants'> {
    const read = new Set(
      this.steps.flatMap(({ args }) => args.flatMap(({ from, index }) => (from === 'constant' ? [index] : []))),
    )
    const kept = [...read].sort((a, b) => a - b)
    const all = this.#constants.splice(0)
    for (const [i, { release }] of all.entries()) if (!read.has(i)) release()
    this.#constants.push(...kept.map((i) => all[i]))
    const renumber = (arg: Location): Location => (arg.from === 'constant' ? { ...arg, index: kept.indexOf(arg.index) } : arg)
    return {
      steps: this.steps.map((step) => ({ ...step, args: step.args.map(renumber) })),
      buffers: this.buffers,
      constants: this.#constants.map(({ buffer }) => buffer),
    }
  }

  /** Lowers every node; `places` holds the inputs and receives the rest. */
  nodes(graph: Graph, places: Map<number, Place>): void {
    for (const node of graph.nodes) {
      const inputs = node.inputs.map((v) => {
        const known = places.get(v)
        if (known) return known
        const place = this.constant(graph.constants.get(v)!)
        places.set(v, place)
        return place
      })
      const specs = node.outputs.map((v) => graph.specs[v])
      const outputs = this.#node(node, inputs, specs)
      for (const [i, v] of node.outputs.entries()) places.set(v, outputs[i])
    }
  }

  constant(tensor: Tensor): Place {
    let index = this.#known.get(tensor)
    if (index === undefined) {
      const held = unscoped(() => tensor.alias())
      index = this.#constants.push({ buffer: held.binding.buffer, release: () => held.dispose() }) - 1
      this.#known.set(tensor, index)
    }
    return { from: 'constant', index, offset: tensor.binding.offset, spec: tensor.spec }
  }

  /** The buffer that holds a result densely and by itself, copied there if need be. */
  output(place: Place): number {
    const alone = place.from === 'buffer' && place.offset === 0 && isContiguous(place.spec.shape, place.spec.strides)
    const buffer =
      alone && !this.#outputs.has(place.index) && this.buffers[place.index] === bytesOf(place.spec)
        ? place.index
        : this.#copy(place).index
    this.#outputs.add(buffer)
    return buffer
  }

  #node(node: Node, inputs: readonly Place[], specs: readonly ValueSpec[]): Place[] {
    if (node.op.view) {
      const view = node.op.view(inputs[0].spec, node.attrs)
      if (!view) return this.#node(node, [this.#copy(inputs[0])], specs)
      const { dtype, shape } = specs[0]
      return [
        {
          ...inputs[0],
          offset: inputs[0].offset + view.offset * bytesPerElement[dtype],
          spec: { shape, dtype, strides: view.strides },
        },
      ]
    }
    const call: OpCall = { op: node.op.name, inputs: inputs.map((p) => p.spec), outputs: specs.map(dense), attrs: node.attrs }
    const launch = this.backend.select(call)
    if ('refused' in launch) return this.#decompose(node, inputs, call, launch.refused)
    const outputs = specs.map((spec) => this.#buffer(bytesOf(spec), dense(spec)))
    const flops = node.op.flops(call.inputs, call.outputs, node.attrs)
    if (outputs.some((p) => sizeOf(p.spec.shape) > 0)) this.#launch(node.op.name, launch, inputs, outputs, flops)
    return outputs
  }

  #decompose(node: Node, inputs: readonly Place[], call: OpCall, refused: string): Place[] {
    const { decompose } = node.op
    if (!decompose) throw unsupported(call, this.backend, refused)
    const { graph, result } = trace((...tensors) => decompose(tensors, node.attrs), call.inputs, this.backend)
    if (!result) throw unsupported(call, this.backend, refused)
    const places = new Map(graph.inputs.map((v, i) => [v, inputs[i]]))
    this.nodes(graph, places)
    const outputs = graph.outputs.map((v) => places.get(v) ?? this.constant(graph.constants.get(v)!))
    for (const tensor of graph.constants.values()) tensor.dispose()
    return outputs
  }

  #launch(op: string, launch: Launch, inputs: readonly Place[], outputs: readonly Location[], flops: number): void {
    const args: Location[] = [...inputs]
    for (const prepare of launch.prepare ?? []) args[prepare.input] = this.#prepare(op, prepare, inputs[prepare.input])
    const scratch = launch.scratch ? [this.#buffer(launch.scratch)] : []
    this.steps.push({ op, launch, args: [...args, ...outputs, ...scratch].map(location), writes: args.length, flops })
  }

  #prepare(op: string, { launch, bytes }: Prepare, place: Place): Location {
    if (place.from !== 'constant') {
      const buffer = this.#buffer(bytes)
      this.#launch(`prepare ${op}`, launch, [place], [buffer], 0)
      return buffer
    }
    const key = `${place.index} ${place.offset} ${JSON.stringify(launch)}`
    let index = this.#known.get(key)
    if (index === undefined) {
      const buffer = this.backend.alloc(bytes)
      index = this.#constants.push({ buffer, release: () => this.backend.free(buffer) }) - 1
      launchNow(
        this.backend,
        launch,
        [{ buffer: this.#constants[place.index].buffer, offset: place.offset }],
        [{ buffer, offset: 0 }],
      )
      this.#known.set(key, index)
    }
    return { from: 'constant', index, offset: 0 }
  }

  #copy(place: Place): Place {
    const { shape, dtype } = place.spec
    const target = this.#buffer(bytesOf(place.spec), dense(place.spec))
    const call: OpCall = { op: copyOp.name, inputs: [place.spec], outputs: [target.spec], attrs: {} }
    const launch = this.backend.select(call)
    if ('refused' in launch) throw unsupported(call, this.backend, launch.refused)
    if (sizeOf(shape) > 0) this.#launch('copy', launch, [place], [target], 0)
    return { ...target, spec: dense({ shape, dtype }) }
  }

  #buffer(bytes: number, spec: TensorSpec = { shape: [bytes], dtype: 'u8', strides: [1] }): Place {
    return { from: 'buffer', index: this.buffers.push(bytes) - 1, offset: 0, spec }
  }
}

const location = ({ from, index, offset }: Location): Location => ({ from, index, offset })
