import { type DType, type Expr, ExprBuilder, inputCount, isFloat } from '@scanline/tensor'
import { type Graph, type Node, readers } from '../graph.js'

/**
 * What swallows a pointwise node that follows it. `inputs` counts the producer's own operands, before those of its
 * epilogue; a pointwise producer is an expression from its first operand on.
 */
export const fusions: readonly { readonly producer: string; readonly inputs: number }[] = [
  { producer: 'matmul', inputs: 2 },
  { producer: 'conv2d', inputs: 2 },
  { producer: 'depthwiseConv2d', inputs: 2 },
  { producer: 'softmaxColumns', inputs: 1 },
  { producer: 'pointwise', inputs: 0 },
]

/** Operands of one fused kernel: more would not be held in registers. */
const maxOperands = 8

/**
 * Fuses each pointwise node into the node that computes one of its operands, if it is the only reader: as the epilogue
 * of a matmul or convolution, or into one expression with another pointwise node. The result stands where its last part
 * stood, so that all operands exist there, and is fused further while it can be.
 */
export function fuse(graph: Graph): Graph {
  const readBy = new Map([...readers(graph)].map(([value, nodes]) => [value, new Set(nodes)]))
  const madeBy = new Map<number, Node>()
  /** The nodes so far and where each stands. */
  const places = new Map<Node, number>()
  graph.nodes.forEach((node, place) => {
    let fused = node
    for (;;) {
      const found = candidates(graph, fused, madeBy, readBy)
      if (found.length === 0) break
      const { value, producer, own } = found.reduce((a, b) => (places.get(a.producer)! > places.get(b.producer)! ? a : b))
      const merged = merge(fused, value, producer, own)
      for (const part of [producer, fused]) for (const v of part.inputs) readBy.get(v)!.delete(part)
      for (const v of merged.inputs) readBy.get(v)!.add(merged)
      places.delete(producer)
      fused = merged
    }
    places.set(fused, place)
    for (const v of fused.outputs) madeBy.set(v, fused)
  })
  return { ...graph, nodes: [...places.keys()] }
}

interface Candidate {
  readonly value: number
  readonly producer: Node
  /** Operands of the producer that are not its expression's. */
  readonly own: number
}

/** Producers that a pointwise node can be written into; of several, the last computed is the one to take. */
function candidates(
  graph: Graph,
  node: Node,
  madeBy: ReadonlyMap<number, Node>,
  readBy: ReadonlyMap<number, ReadonlySet<Node | 'output'>>,
): Candidate[] {
  if (node.op.name !== 'pointwise' || inputCount(node.attrs.expr as Expr) === 0) return []
  const operands = new Set(node.inputs)
  return [...operands].flatMap((value) => {
    const producer = madeBy.get(value)
    const rule = fusions.find((f) => f.producer === producer?.op.name)
    if (!producer || !rule || readBy.get(value)!.size !== 1) return []
    if (!keepsValues(producer, graph.specs[value].dtype)) return []
    // An epilogue stores in its producer's type; expressions convert anyway.
    if (rule.inputs > 0 && graph.specs[value].dtype !== node.attrs.dtype) return []
    if (producer.inputs.length - rule.inputs + operands.size > maxOperands) return []
    return [{ value, producer, own: rule.inputs }]
  })
}

/**
 * Whether what a node computes may stay unstored. Storing in a float type only rounds, but whole numbers are truncated
 * and booleans become 0 or 1, which only a comparison's are before.
 */
function keepsValues({ op, attrs }: Node, dtype: DType): boolean {
  if (isFloat(dtype)) return true
  const last = op.name === 'pointwise' ? (attrs.expr as Expr).at(-1)?.[0] : undefined
  return last === 'lt' || last === 'le' || last === 'eq'
}

/** `node` written into `producer`, whose result it reads as `value`; `own` operands of the producer come first. */
function merge(node: Node, value: number, producer: Node, own: number): Node {
  const before = (own === 0 ? producer.attrs.expr : producer.attrs.epilogue) as Expr | undefined
  const e = new ExprBuilder()
  const operands: number[] = []
  const base = own === 0 ? 0 : 1
  const operand = (v: number): number => {
    const known = operands.indexOf(v)
    return e.input(base + (known >= 0 ? known : operands.push(v) - 1))
  }
  const accumulated = own === 0 ? [] : [e.input(0)]
  const extras = producer.inputs.slice(own).map(operand)
  const computed = before ? e.inline(before, [...accumulated, ...extras]) : accumulated[0]
  const result = e.inline(
    node.attrs.expr as Expr,
    node.inputs.map((v) => (v === value ? computed : operand(v))),
  )
  const expr = e.build(result)
  const attrs = own === 0 ? { expr, dtype: node.attrs.dtype } : { ...producer.attrs, epilogue: expr }
  return { op: producer.op, inputs: [...producer.inputs.slice(0, own), ...operands], attrs, outputs: node.outputs }
}
