import {
  ArgumentError,
  type Backend,
  checkDType,
  checkShape,
  DeviceError,
  leaves,
  scope,
  Tensor,
  type Tracer,
  type Tree,
  unscoped,
  type ValueSpec,
} from '@scanline/tensor'
import { addConstant, addValue, type Graph, makeNode, type Node } from './graph.js'

/** A graph being written: what traced tensors record into. */
class GraphTracer implements Tracer {
  readonly backend: Backend
  readonly graph: Graph & { nodes: Node[] }
  readonly #constants = new Map<number, number>()

  constructor(backend: Backend) {
    this.backend = backend
    this.graph = { backend, specs: [], constants: new Map(), inputs: [], nodes: [], outputs: [] }
  }
  input(spec: ValueSpec): Tensor {
    const value = addValue(this.graph, spec)
    ;(this.graph.inputs as number[]).push(value)
    return this.tensor(value)
  }
  tensor(value: number): Tensor {
    return new Tensor({ tracer: this, value }, this.graph.specs[value])
  }
  get captured(): number[] {
    return [...this.#constants.keys()]
  }
  /** The number of a tensor in this graph; a real tensor becomes a constant. */
  valueOf(tensor: Tensor): number {
    if (tensor.traced) {
      if (tensor.traced.tracer !== this)
        throw new DeviceError(`${tensor} belongs to another compile(); a traced tensor cannot leave its function`)
      return tensor.traced.value
    }
    if (tensor.device !== this.backend) {
      throw new DeviceError(`${tensor} is captured by a program for ${this.backend.name}; make it on that device`)
    }
    const known = this.#constants.get(tensor.id)
    if (known !== undefined) return known
    const value = addConstant(
      this.graph,
      unscoped(() => tensor.alias()),
    )
    this.#constants.set(tensor.id, value)
    return value
  }
  record(op: Node['op'], inputs: readonly Tensor[], attrs: Node['attrs']): Tensor[] {
    const node = makeNode(
      this.graph,
      op,
      inputs.map((t) => this.valueOf(t)),
      attrs,
    )
    this.graph.nodes.push(node)
    return node.outputs.map((value) => this.tensor(value))
  }
}

export interface Trace<T> {
  readonly graph: Graph
  /** What the function returned: its form, with traced tensors in it. */
  readonly result: T
  /** `id`s of the tensors that it captured. */
  readonly captured: readonly number[]
}

/**
 * Runs `f` once on tensors without numbers and gives the graph of what it did. Tensors that it captures become
 * constants. Throws what `f` throws, `ArgumentError` for an async function, `DeviceError` for tensors of another device,
 * `ShapeError` and `DTypeError` for inputs that cannot be.
 */
export function trace<T extends Tree>(f: (...inputs: Tensor[]) => T, inputs: readonly ValueSpec[], backend: Backend): Trace<T> {
  for (const { shape, dtype } of inputs) {
    checkShape(shape)
    checkDType(dtype)
  }
  const tracer = new GraphTracer(backend)
  let result: T | undefined
  // An output that is constant is held by the graph; the function's own handle of it is freed with the rest.
  try {
    const outputs = scope(() => {
      result = f(...inputs.map((spec) => tracer.input(spec)))
      if (result instanceof Promise)
        throw new ArgumentError('compile() needs a synchronous function: await what it needs outside, and capture the result')
      return leaves(result).map((t) => tracer.valueOf(t))
    })
    return { graph: { ...tracer.graph, outputs }, result: result as T, captured: tracer.captured }
  } catch (error) {
    for (const tensor of tracer.graph.constants.values()) tensor.dispose()
    throw error
  }
}
