import {
  type AddNormAttrs,
  add,
  addNormOp,
  broadcastTo,
  expression,
  layerNormOp,
  matmul,
  matmulOp,
  mul,
  pointwiseOp,
  reshape,
  rmsNormOp,
} from '@scanline/tensor'
import { type Graph, makeNode, type Node, readers, rewrite } from '../graph.js'
import { computeConstant } from './constants.js'
import { channelOperand } from './expr-match.js'
import { constantWeight } from './linear.js'

const addExpr = expression((e) => e.binary('add', e.input(0), e.input(1)))

/** How many inputs of a norm come before its weight. */
const normInputs: Readonly<Record<string, number>> = { [layerNormOp.name]: 1, [rmsNormOp.name]: 1, [addNormOp.name]: 2 }

/** A norm without weight and bias. */
function plainNorm(graph: Graph, { op, inputs, attrs }: Node): Node {
  const own = inputs.slice(0, normInputs[op.name])
  return makeNode(graph, op, own, attrs as AddNormAttrs)
}

/**
 * Moves a norm's scale and shift into the matmuls that read it: with weight w and bias b of the norm,
 * (n·w + b) W = n (diag(w) W) + b W. The shift, where there is one, joins the matmul's own bias where it has one.
 */
export function foldNormAffine(graph: Graph): Graph {
  const readBy = readers(graph)
  const replaced = new Map<Node, Node[]>()
  const renamed = new Map<number, number>()
  for (const node of graph.nodes) {
    const affine = node.inputs.slice(normInputs[node.op.name])
    if (normInputs[node.op.name] === undefined || affine.length === 0 || !affine.every((v) => graph.constants.has(v))) continue
    const [scale, shift] = affine.map((v) => graph.constants.get(v)!)
    const products = readBy.get(node.outputs[0]) ?? []
    const foldable = (r: Node | 'output'): r is Node =>
      r !== 'output' && r.inputs[0] === node.outputs[0] && r.op.name === 'matmul' && constantWeight(graph, r) !== undefined
    if (products.length === 0 || !products.every(foldable)) continue

    const plain = plainNorm(graph, node)
    replaced.set(node, [plain])
    for (const [i, v] of node.outputs.entries()) if (i > 0) renamed.set(v, plain.outputs[i])
    for (const product of products as Node[]) {
      const weight = constantWeight(graph, product)!
      const scaled = computeConstant(graph, () => mul(weight, reshape(scale, [-1, 1])))
      const next = makeNode(graph, matmulOp, [plain.outputs[0], scaled], {})
      if (!shift) {
        replaced.set(product, [next])
        renamed.set(product.outputs[0], next.outputs[0])
        continue
      }
      const shifted = () => reshape(matmul(reshape(shift, [1, -1]), weight), [-1])
      const [only, ...others] = readBy.get(product.outputs[0]) ?? []
      const bias = others.length === 0 ? channelOperand(graph, only, 'add') : undefined
      const shape = graph.specs[product.outputs[0]].shape
      const addend = computeConstant(graph, () => broadcastTo(bias ? add(bias.vector, shifted()) : shifted(), shape))
      const sum = makeNode(graph, pointwiseOp, [next.outputs[0], addend], {
        expr: addExpr,
        dtype: graph.specs[product.outputs[0]].dtype,
      })
      replaced.set(product, bias ? [next] : [next, sum])
      if (bias) replaced.set(only as Node, [sum])
      renamed.set(bias ? (only as Node).outputs[0] : product.outputs[0], sum.outputs[0])
    }
  }
  return rewrite(graph, replaced, renamed)
}
