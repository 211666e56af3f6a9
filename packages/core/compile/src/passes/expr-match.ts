import { type Expr, expression, full, isFloat, type Tensor } from '@scanline/tensor'
import type { Graph, Node } from '../graph.js'
import { channelVector } from './constants.js'

export const addExpr = expression((e) => e.binary('add', e.input(0), e.input(1)))
export const mulExpr = expression((e) => e.binary('mul', e.input(0), e.input(1)))

/** The two operands, in order, of a pointwise node that is one binary instruction over values of its own float type. */
export function binaryOperands(
  graph: Graph,
  node: Node | 'output' | undefined,
  name: 'add' | 'sub' | 'mul',
): readonly [number, number] | undefined {
  if (!node || node === 'output' || node.op.name !== 'pointwise' || node.inputs.length !== 2) return undefined
  const expr = node.attrs.expr as Expr
  if (expr.length !== 3 || expr[2][0] !== name || expr[0][0] !== 'input' || expr[1][0] !== 'input') return undefined
  const { dtype } = graph.specs[node.outputs[0]]
  if (!isFloat(dtype) || node.inputs.some((v) => graph.specs[v].dtype !== dtype)) return undefined
  const [, left, right] = expr[2]
  return [left, right].map((k) => node.inputs[(expr[k] as readonly ['input', number])[1]]) as [number, number]
}

/**
 * A pointwise node that is one binary instruction over a computed operand and a constant that only varies along channels,
 * all of one float type: among others, the order of operations and roundings is not free.
 */
export function channelOperand(
  graph: Graph,
  node: Node | 'output' | undefined,
  name: 'add' | 'mul',
): { computed: number; constant: number; vector: Tensor } | undefined {
  const operands = binaryOperands(graph, node, name)
  if (!operands) return undefined
  const [a, b] = operands
  if (a === b || graph.constants.has(a) === graph.constants.has(b)) return undefined
  const [computed, constant] = graph.constants.has(a) ? [b, a] : [a, b]
  const vector = channelVector(graph.constants.get(constant)!)
  return vector && { computed, constant, vector }
}

/** A pointwise node that multiplies a value of its own float type by a number, as a factor for each channel. */
export function scalarFactor(graph: Graph, node: Node): { computed: number; vector: Tensor } | undefined {
  const expr = node.attrs.expr as Expr
  if (node.op.name !== 'pointwise' || node.inputs.length !== 1 || expr.length !== 3 || expr[2][0] !== 'mul') return undefined
  const factor = expr.find((part) => part[0] === 'const')?.[1]
  const [computed] = node.inputs
  const { dtype, shape } = graph.specs[computed]
  if (factor === undefined || shape.length === 0 || !isFloat(dtype) || node.attrs.dtype !== dtype) return undefined
  return { computed, vector: full([shape[shape.length - 1]], factor, { device: graph.backend, dtype }) }
}
