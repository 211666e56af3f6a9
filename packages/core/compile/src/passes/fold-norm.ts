import { add, broadcastTo, layerNormOp, matmul, matmulOp, mul, pointwiseOp, reshape } from '@scanline/tensor'
import { type Graph, makeNode, type Node, readers, rewrite } from '../graph.js'
import { computeConstant } from './constants.js'
import { addExpr, channelOperand } from './expr-match.js'
import { constantWeight } from './linear.js'

/**
 * Moves a layer norm's scale and shift into the matmuls that read it: with weight w and bias b of the norm,
 * (n·w + b) W = n (diag(w) W) + b W. The shift joins the matmul's own bias where it has one.
 */
export function foldNormAffine(graph: Graph): Graph {
  const readBy = readers(graph)
  const replaced = new Map<Node, Node[]>()
  const renamed = new Map<number, number>()
  for (const node of graph.nodes) {
    const [scale, shift] = node.inputs.slice(1).map((v) => graph.constants.get(v))
    if (node.op.name !== layerNormOp.name || !scale || !shift) continue
    const products = readBy.get(node.outputs[0]) ?? []
    const foldable = (r: Node | 'output'): r is Node =>
      r !== 'output' && r.inputs[0] === node.outputs[0] && r.op.name === 'matmul' && constantWeight(graph, r) !== undefined
    if (products.length === 0 || !products.every(foldable)) continue

    const plain = makeNode(graph, layerNormOp, [node.inputs[0]], node.attrs as { eps: number })
    replaced.set(node, [plain])
    for (const product of products as Node[]) {
      const weight = constantWeight(graph, product)!
      const scaled = computeConstant(graph, () => mul(weight, reshape(scale, [-1, 1])))
      const shifted = () => reshape(matmul(reshape(shift, [1, -1]), weight), [-1])
      const next = makeNode(graph, matmulOp, [plain.outputs[0], scaled], {})
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
