import { type Expr, isFloat, type Tensor } from '@scanline/tensor'
import type { Graph, Node } from '../graph.js'
import { channelVector } from './constants.js'

/**
 * A pointwise node that is one binary instruction over a computed operand and a constant that only varies along channels,
 * all of one float type: among others, the order of operations and roundings is not free.
 */
export function channelOperand(
  graph: Graph,
  node: Node | 'output' | undefined,
  name: 'add' | 'mul',
): { computed: number; constant: number; vector: Tensor } | undefined {
  if (!node || node === 'output' || node.op.name !== 'pointwise' || node.inputs.length !== 2) return undefined
  const expr = node.attrs.expr as Expr
  if (expr.length !== 3 || expr[2][0] !== name || expr[0][0] !== 'input' || expr[1][0] !== 'input') return undefined
  const [a, b] = node.inputs
  if (a === b || graph.constants.has(a) === graph.constants.has(b)) return undefined
  const [computed, constant] = graph.constants.has(a) ? [b, a] : [a, b]
  const { dtype } = graph.specs[computed]
  if (!isFloat(dtype) || graph.specs[constant].dtype !== dtype || node.attrs.dtype !== dtype) return undefined
  const vector = channelVector(graph.constants.get(constant)!)
  return vector && { computed, constant, vector }
}
