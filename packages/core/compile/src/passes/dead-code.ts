import type { Expr } from '@scanline/tensor'
import type { Graph, Node } from '../graph.js'

/** Drops operands that an expression does not mention (a gradient's is written over all of them), then nodes that nobody reads. */
export function dropDeadCode(graph: Graph): Graph {
  const needed = new Set(graph.outputs)
  const kept = graph.nodes
    .map((node) => (node.op.name === 'pointwise' ? withoutIdleOperands(node) : node))
    .reverse()
    .filter((node) => {
      if (!node.outputs.some((v) => needed.has(v))) return false
      for (const v of node.inputs) needed.add(v)
      return true
    })
  return { ...graph, nodes: kept.reverse() }
}

function withoutIdleOperands(node: Node): Node {
  const expr = node.attrs.expr as Expr
  const read = node.inputs.flatMap((_, k) => (expr.some(([name, i]) => name === 'input' && i === k) ? [k] : []))
  // A constant expression still takes its shape from an operand.
  const kept = read.length > 0 ? read : [0]
  if (kept.length === node.inputs.length) return node
  const renumbered = expr.map((part) => (part[0] === 'input' ? (['input', kept.indexOf(part[1])] as const) : part))
  return { ...node, inputs: kept.map((k) => node.inputs[k]), attrs: { ...node.attrs, expr: renumbered } }
}
