import { type Expr, ExprBuilder, inputCount, sameShape } from '@scanline/tensor'
import { type Graph, makeNode, type Node, producers, readers, rewrite } from '../graph.js'

/**
 * What swallows a pointwise node that follows it. `inputs` counts the producer's own operands, before those of its
 * epilogue; a pointwise producer is an expression from its first operand on.
 */
export const fusions: readonly { readonly producer: string; readonly inputs: number }[] = [
  { producer: 'matmul', inputs: 2 },
  { producer: 'conv2d', inputs: 2 },
  { producer: 'depthwiseConv2d', inputs: 2 },
  { producer: 'pointwise', inputs: 0 },
]

/** Operands of one fused kernel: more would not be held in registers. */
const maxOperands = 8

/**
 * Fuses each pointwise node into the node that computes one of its operands, if it is the only reader: as the epilogue
 * of a matmul or convolution, or into one expression with another pointwise node. Of several candidates the last
 * computed wins, since by then the other operands exist.
 */
export function fuse(graph: Graph): Graph {
  let fused = graph
  for (;;) {
    const next = fuseOne(fused)
    if (!next) return fused
    fused = next
  }
}

function fuseOne(graph: Graph): Graph | undefined {
  const madeBy = producers(graph)
  const readBy = readers(graph)
  const position = new Map(graph.nodes.map((node, i) => [node, i]))
  for (const node of graph.nodes) {
    if (node.op.name !== 'pointwise' || inputCount(node.attrs.expr as Expr) === 0) continue
    const candidates = [...new Set(node.inputs)].flatMap((value) => {
      const producer = madeBy.get(value)
      const rule = fusions.find((f) => f.producer === producer?.op.name)
      const once = new Set(readBy.get(value)).size === 1 && !graph.outputs.includes(value)
      if (!producer || !rule || !once || !sameShape(graph.specs[value].shape, graph.specs[node.outputs[0]].shape)) return []
      // An epilogue stores in its producer's type; expressions convert anyway.
      if (rule.inputs > 0 && graph.specs[value].dtype !== node.attrs.dtype) return []
      const operands = producer.inputs.length - rule.inputs + new Set(node.inputs).size
      return operands > maxOperands ? [] : [{ value, producer, rule }]
    })
    if (candidates.length === 0) continue
    const last = candidates.reduce((a, b) => (position.get(a.producer)! > position.get(b.producer)! ? a : b))
    const merged = merge(graph, node, last.value, last.producer, last.rule.inputs)
    return rewrite(
      graph,
      new Map([
        [last.producer, []],
        [node, [merged]],
      ]),
      new Map([[node.outputs[0], merged.outputs[0]]]),
    )
  }
  return undefined
}

/** `node` written into `producer`, whose result it reads as `value`. */
function merge(graph: Graph, node: Node, value: number, producer: Node, own: number): Node {
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
  return makeNode(graph, producer.op, [...producer.inputs.slice(0, own), ...operands], attrs)
}
