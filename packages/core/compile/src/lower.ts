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
  pointwiseOp,
  sizeOf,
  type Tensor,
  type TensorSpec,
  unsupported,
  type ValueSpec,
} from '@scanline/tensor'
import type { Graph, Node } from './graph.js'
import { elementwiseInputs, type Overwrites, unsafeOverwrites } from './overwrite.js'
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
  /** Inputs of the program that it reads element by element, each where its result's element goes: one may be overwritten. */
  readonly elementwise: readonly number[]
}

/** Memory of a constant, or of what was packed from one. */
interface Constant {
  readonly buffer: DeviceBuffer
  readonly release: () => void
  /** Values of the graph that lie in it and are still to be read. */
  values: number
  /** Whether a step reads it. */
  used: boolean
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
 *
 * Takes over the graph's constants, and frees each as soon as everything that is packed from it is: the memory of a
 * compile peaks at little more than what the program keeps. `overwrites`: which input each of some outputs is written over.
 */
export function lower(graph: Graph, overwrites: Overwrites = new Map()): Lowered {
  const lowering = new Lowering(graph.backend)
  try {
    const places = lowering.nodes(
      graph,
      graph.inputs.map((v, i) => input(i, graph.specs[v])),
    )
    const outputs = graph.outputs.map((v) => lowering.output(places.get(v)!))
    for (const k of unsafeOverwrites(lowering.steps, outputs, overwrites, graph.backend))
      outputs[k] = lowering.copyOut(outputs[k], graph.specs[graph.outputs[k]])
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
  /** By number; those that were freed again are undefined. */
  readonly #constants: (Constant | undefined)[] = []
  readonly #numbers = new Map<DeviceBuffer | string, number>()
  readonly #outputs = new Set<number>()

  constructor(backend: Backend) {
    this.backend = backend
  }

  release(): void {
    for (const constant of this.#constants.splice(0)) constant?.release()
  }

  /** What was lowered, its constants numbered anew. */
  finish(): Pick<Lowered, 'steps' | 'buffers' | 'constants'> {
    for (const [i, constant] of this.#constants.entries()) if (constant && !constant.used) this.#free(i)
    const kept = [...this.#constants.entries()].flatMap(([i, constant]) => (constant ? [{ i, buffer: constant.buffer }] : []))
    const renumbered = new Map(kept.map(({ i }, index) => [i, index]))
    const renumber = (arg: Location): Location => (arg.from === 'constant' ? { ...arg, index: renumbered.get(arg.index)! } : arg)
    return {
      steps: this.steps.map((step) => ({ ...step, args: step.args.map(renumber) })),
      buffers: this.buffers,
      constants: kept.map(({ buffer }) => buffer),
    }
  }

  /** Lowers every node over `inputs`; gives the places of the graph's outputs, and of what they are views of. */
  nodes(graph: Graph, inputs: readonly Place[]): ReadonlyMap<number, Place> {
    const places = new Map(graph.inputs.map((v, i) => [v, inputs[i]]))
    const lastRead = new Map(graph.nodes.flatMap((node) => node.inputs.map((v) => [v, node] as const)))
    const needed = new Set([...lastRead.keys(), ...graph.outputs])
    for (const [v, tensor] of graph.constants) {
      if (needed.has(v)) places.set(v, this.#constant(tensor))
      else tensor.dispose()
    }
    for (const [i, place] of inputs.entries()) if (needed.has(graph.inputs[i])) this.#count(place, 1)
    for (const node of graph.nodes) {
      const outputs = this.#node(
        node,
        node.inputs.map((v) => places.get(v)!),
        node.outputs.map((v) => graph.specs[v]),
      )
      for (const [i, v] of node.outputs.entries()) {
        places.set(v, outputs[i])
        this.#count(outputs[i], 1)
      }
      for (const v of new Set(node.inputs))
        if (lastRead.get(v) === node && !graph.outputs.includes(v)) this.#count(places.get(v)!, -1)
    }
    return places
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

  /** A copy of an output, made when everything else is done. */
  copyOut(buffer: number, spec: ValueSpec): number {
    return this.#copy({ from: 'buffer', index: buffer, offset: 0, spec: dense(spec) }).index
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
    const places = this.nodes(graph, inputs)
    return graph.outputs.map((v) => places.get(v)!)
  }

  /** Where a constant lies; takes its handle over. Tensors that share memory are one constant. */
  #constant(tensor: Tensor): Place {
    const {
      binding: { buffer, offset },
      spec,
    } = tensor
    let index = this.#numbers.get(buffer)
    if (index === undefined) index = this.#hold(buffer, buffer, () => tensor.dispose())
    else tensor.dispose()
    this.#constants[index]!.values++
    return { from: 'constant', index, offset, spec }
  }

  #hold(key: DeviceBuffer | string, buffer: DeviceBuffer, release: () => void): number {
    const index = this.#constants.push({ buffer, release, values: 0, used: false }) - 1
    this.#numbers.set(key, index)
    return index
  }

  /** Notes that so many more values lie at a place, and frees the constant there after the last. */
  #count({ from, index }: Location, more: number): void {
    const constant = from === 'constant' ? this.#constants[index] : undefined
    if (!constant) return
    constant.values += more
    if (constant.values === 0 && !constant.used) this.#free(index)
  }

  #free(index: number): void {
    const { buffer, release } = this.#constants[index]!
    this.#constants[index] = undefined
    this.#numbers.delete(buffer)
    release()
  }

  #launch(op: string, launch: Launch, inputs: readonly Place[], outputs: readonly Place[], flops: number): void {
    const args: Location[] = [...inputs]
    for (const prepare of launch.prepare ?? []) args[prepare.input] = this.#prepare(op, prepare, inputs[prepare.input])
    const scratch = launch.scratch ? [this.#buffer(launch.scratch)] : []
    for (const { from, index } of args) if (from === 'constant') this.#constants[index]!.used = true
    this.steps.push({
      op,
      launch,
      args: [...args, ...outputs, ...scratch].map(location),
      writes: args.length,
      flops,
      elementwise: op === pointwiseOp.name ? elementwiseInputs(inputs, args, outputs[0]) : [],
    })
  }

  #prepare(op: string, { launch, bytes }: Prepare, place: Place): Location {
    if (place.from !== 'constant') {
      const buffer = this.#buffer(bytes)
      this.#launch(`prepare ${op}`, launch, [place], [buffer], 0)
      return buffer
    }
    const key = `${place.index} ${place.offset} ${JSON.stringify(launch)}`
    let index = this.#numbers.get(key)
    if (index === undefined) {
      const buffer = this.backend.alloc(bytes)
      index = this.#hold(key, buffer, () => this.backend.free(buffer))
      const source = { buffer: this.#constants[place.index]!.buffer, offset: place.offset }
      launchNow(this.backend, launch, [source], [{ buffer, offset: 0 }])
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
