import { type AddNormAttrs, addNormOp, expression, layerNormOp, pointwiseOp, rmsNormOp } from '@scanline/tensor'
import { type Graph, makeNode, type Node, producers, readers, rewrite } from '../graph.js'
import { fusions } from './fuse.js'

const addExpr = expression((e) => e.binary('add', e.input(0), e.input(1)))

/**
 * Takes the sum out of an added norm where what computes one of its terms can add the other as it stores: then the sum
 * costs nothing, and the norm reads one tensor instead of two.
 */
export function splitAddNorm(graph: Graph): Graph {
  const madeBy = producers(graph)
  const readBy = readers(graph)
  const replaced = new Map<Node, Node[]>()
  const renamed = new Map<number, number>()
  const absorbs = (v: number): boolean =>
    readBy.get(v)?.length === 1 && fusions.some(({ producer }) => producer === madeBy.get(v)?.op.name)
  for (const node of graph.nodes) {
    const [x, residual, ...affine] = node.inputs
    if (node.op.name !== addNormOp.name || !(absorbs(x) || absorbs(residual))) continue
    const { norm, eps } = node.attrs as AddNormAttrs
    const sum = makeNode(graph, pointwiseOp, [x, residual], { expr: addExpr, dtype: graph.specs[x].dtype })
    const normed = makeNode(graph, norm === 'rms' ? rmsNormOp : layerNormOp, [sum.outputs[0], ...affine], { eps })
    replaced.set(node, [sum, normed])
    renamed.set(node.outputs[0], normed.outputs[0])
    renamed.set(node.outputs[1], sum.outputs[0])
  }
  return rewrite(graph, replaced, renamed)
}
