import { concatOp, sizeOf } from '@scanline/tensor'
import { type Graph, makeNode, type Node, rewrite } from '../graph.js'

/** Drops empty parts of concatenations (a gated block that convolves every channel), and those of one part altogether. */
export function simplify(graph: Graph): Graph {
  const replaced = new Map<Node, Node[]>()
  const renamed = new Map<number, number>()
  for (const node of graph.nodes) {
    if (node.op.name !== concatOp.name) continue
    const parts = node.inputs.filter((v) => sizeOf(graph.specs[v].shape) > 0)
    if (parts.length === node.inputs.length || parts.length === 0) continue
    if (parts.length === 1) {
      replaced.set(node, [])
      renamed.set(node.outputs[0], parts[0])
    } else {
      const shorter = makeNode(graph, concatOp, parts, node.attrs as { axis: number })
      replaced.set(node, [shorter])
      renamed.set(node.outputs[0], shorter.outputs[0])
    }
  }
  return rewrite(graph, replaced, renamed)
}
