import {
  broadcastOp,
  broadcastTo,
  layerNormOp,
  matmul,
  matmulOp,
  mul,
  pointwiseOp,
  reduceOp,
  reshape,
  reshapeOp,
  type Tensor,
} from '@scanline/tensor'
import { type Graph, makeNode, type Node, readers, rewrite } from '../graph.js'
import { computeConstant } from './constants.js'
import { addExpr, mulExpr } from './expr-match.js'
import { constantWeight } from './linear.js'

/**
 * Moves a layer norm's scale w and shift b into the 1×1 convolutions that read it, and behind the products A n that sum its
 * rows: A (n w + b) = (A n) w + (A 1) b. The projection of EfficientViM's mixer gets a bias that way, which is added before
 * the zero padding of the convolution behind it, and the states are scaled instead of all positions.
 */
export function foldNormShared(graph: Graph): Graph {
  const readBy = readers(graph)
  const replaced = new Map<Node, Node[]>()
  const renamed = new Map<number, number>()
  for (const node of graph.nodes) {
    const [scale, shift] = node.inputs.slice(1).map((v) => graph.constants.get(v))
    if (node.op.name !== layerNormOp.name || !scale || !shift) continue
    const found = (readBy.get(node.outputs[0]) ?? []).flatMap((r) => linearReaders(graph, readBy, r, node.outputs[0]))
    if (found.length === 0 || found.some((r) => r === undefined)) continue
    const plain = makeNode(graph, layerNormOp, [node.inputs[0]], node.attrs as { eps: number })
    replaced.set(node, [plain])
    renamed.set(node.outputs[0], plain.outputs[0])
    for (const reader of found as Node[]) {
      const nodes =
        reader.op.name === matmulOp.name ? summed(graph, reader, scale, shift) : projected(graph, reader, scale, shift)
      replaced.set(reader, nodes)
      renamed.set(reader.outputs[0], nodes[nodes.length - 1].outputs[0])
    }
  }
  return rewrite(graph, replaced, renamed)
}

/** What a norm's reader makes of it: itself, or what reads it behind a reshape that keeps the channels. */
function linearReaders(
  graph: Graph,
  readBy: ReadonlyMap<number, readonly (Node | 'output')[]>,
  reader: Node | 'output',
  value: number,
): (Node | undefined)[] {
  if (reader === 'output') return [undefined]
  const channels = (v: number): number | undefined => graph.specs[v].shape.at(-1)
  if (reader.op.name === reshapeOp.name && channels(reader.outputs[0]) === channels(value))
    return (readBy.get(reader.outputs[0]) ?? []).flatMap((r) => linearReaders(graph, readBy, r, reader.outputs[0]))
  const isSum = reader.op.name === matmulOp.name && reader.inputs[1] === value && reader.inputs[0] !== value
  return [
    isSum && !reader.attrs.epilogue && reader.inputs.length === 2
      ? reader
      : isProjection(graph, reader, value)
        ? reader
        : undefined,
  ]
}

function isProjection(graph: Graph, node: Node, value: number): boolean {
  const weight = node.op.name === 'conv2d' && node.inputs[0] === value ? constantWeight(graph, node) : undefined
  const { stride, padding } = node.attrs as { stride?: readonly number[]; padding?: readonly number[] }
  return weight?.shape[2] === 1 && weight.shape[3] === 1 && [...stride!, ...padding!].every((n, i) => n === (i < 2 ? 1 : 0))
}

const pointwise = (graph: Graph, expr: typeof addExpr, a: number, b: number): Node =>
  makeNode(graph, pointwiseOp, [a, b], { expr, dtype: graph.specs[a].dtype })

function projected(graph: Graph, node: Node, scale: Tensor, shift: Tensor): Node[] {
  const weight = constantWeight(graph, node)!
  const [outputs, inputs] = weight.shape
  const scaled = computeConstant(graph, () => mul(weight, reshape(scale, [1, inputs, 1, 1])))
  const convolution = makeNode(graph, node.op, [node.inputs[0], scaled], node.attrs)
  const { shape } = graph.specs[node.outputs[0]]
  const bias = computeConstant(graph, () =>
    broadcastTo(reshape(matmul(reshape(weight, [outputs, inputs]), reshape(shift, [inputs, 1])), [outputs]), shape),
  )
  return [convolution, pointwise(graph, addExpr, convolution.outputs[0], bias)]
}

function summed(graph: Graph, node: Node, scale: Tensor, shift: Tensor): Node[] {
  const { shape } = graph.specs[node.outputs[0]]
  const [factor, addend] = [scale, shift].map((vector) => computeConstant(graph, () => broadcastTo(vector, shape)))
  const [weights] = node.inputs
  const product = makeNode(graph, matmulOp, node.inputs, {})
  const total = makeNode(graph, reduceOp, [weights], { kind: 'sum', axes: [graph.specs[weights].shape.length - 1] })
  const totals = makeNode(graph, broadcastOp, [total.outputs[0]], { shape })
  const scaled = pointwise(graph, mulExpr, product.outputs[0], factor)
  const shifted = pointwise(graph, mulExpr, totals.outputs[0], addend)
  return [product, total, totals, scaled, shifted, pointwise(graph, addExpr, scaled.outputs[0], shifted.outputs[0])]
}
