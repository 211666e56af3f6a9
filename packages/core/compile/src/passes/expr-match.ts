import type { Expr } from '@scanline/tensor'
import type { Graph, Node } from '../graph.js'

/** A pointwise node that is one binary instruction over a computed and a constant operand, as (`computed`, `constant`). */
export function constantOperand(
  graph: Graph,
  node: Node | 'output' | undefined,
  name: 'add' | 'mul',
): { computed: number; constant: number } | undefined {
  if (!node || node === 'output' || node.op.name !== 'pointwise' || node.inputs.length !== 2) return undefined
  const expr = node.attrs.expr as Expr
  if (expr.length !== 3 || expr[2][0] !== name || expr[0][0] !== 'input' || expr[1][0] !== 'input') return undefined
  const [a, b] = node.inputs
  if (a === b || graph.constants.has(a) === graph.constants.has(b)) return undefined
  return graph.constants.has(a) ? { computed: b, constant: a } : { computed: a, constant: b }
}
