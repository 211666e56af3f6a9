import { type Attrs, type Backend, formatShape, type Op, type Tensor, type ValueSpec } from '@scanline/tensor'

export interface Node {
  readonly op: Op
  readonly inputs: readonly number[]
  readonly attrs: Attrs
  readonly outputs: readonly number[]
}

/**
 * A traced function: nodes in the order of execution over numbered values. Passes take a graph and give another; they
 * share `specs` and `constants`, which only grow.
 */
export interface Graph {
  readonly backend: Backend
  /** Shape and type of each value, by its number. */
  readonly specs: ValueSpec[]
  /** Values known while compiling. The graph owns these handles. */
  readonly constants: Map<number, Tensor>
  readonly inputs: readonly number[]
  readonly nodes: readonly Node[]
  readonly outputs: readonly number[]
}

/** A new value's number. */
export const addValue = (graph: Graph, spec: ValueSpec): number => graph.specs.push({ shape: spec.shape, dtype: spec.dtype }) - 1

/** A new constant's number; takes the handle over. */
export function addConstant(graph: Graph, tensor: Tensor): number {
  const value = addValue(graph, tensor)
  graph.constants.set(value, tensor)
  return value
}

/** A node of one output of `op` over `inputs`, with a new value for its result. */
export function makeNode<A extends Attrs>(graph: Graph, op: Op<A>, inputs: readonly number[], attrs: A): Node {
  const specs = op.infer(
    inputs.map((v) => graph.specs[v]),
    attrs,
  )
  return { op: op as unknown as Op, inputs, attrs, outputs: specs.map((spec) => addValue(graph, spec)) }
}

/** Who reads each value; a graph output counts as a reader. */
export function readers(graph: Graph): Map<number, (Node | 'output')[]> {
  const found = new Map<number, (Node | 'output')[]>()
  const note = (value: number, reader: Node | 'output'): void => {
    const list = found.get(value)
    if (list) list.push(reader)
    else found.set(value, [reader])
  }
  for (const node of graph.nodes) for (const value of node.inputs) note(value, node)
  for (const value of graph.outputs) note(value, 'output')
  return found
}

/** The node that computes each value. */
export function producers(graph: Graph): Map<number, Node> {
  return new Map(graph.nodes.flatMap((node) => node.outputs.map((value) => [value, node] as const)))
}

/**
 * The graph with some nodes replaced by others (or by none) and some values read under another number. A pass decides
 * both while it looks at the old graph; this puts the result in order.
 */
export function rewrite(graph: Graph, replaced: ReadonlyMap<Node, readonly Node[]>, renamed: ReadonlyMap<number, number>): Graph {
  const resolve = (value: number): number => {
    let at = value
    for (let next = renamed.get(at); next !== undefined; next = renamed.get(at)) at = next
    return at
  }
  const nodes = graph.nodes.flatMap((node) => replaced.get(node) ?? [node])
  return {
    ...graph,
    nodes: nodes.map((node) => (node.inputs.some((v) => renamed.has(v)) ? { ...node, inputs: node.inputs.map(resolve) } : node)),
    outputs: graph.outputs.map(resolve),
  }
}

/** One line a node, for tests and for people. */
export function formatGraph(graph: Graph): string {
  const name = (v: number): string => (graph.constants.has(v) ? `c${v}` : `v${v}`)
  const typed = (v: number): string => `${name(v)} ${graph.specs[v].dtype}${formatShape(graph.specs[v].shape)}`
  const lines = graph.nodes.map((n) => `  ${n.outputs.map(typed).join(', ')} = ${n.op.name}(${n.inputs.map(name).join(', ')})`)
  return [`inputs ${graph.inputs.map(typed).join(', ')}`, ...lines, `outputs ${graph.outputs.map(name).join(', ')}`].join('\n')
}
