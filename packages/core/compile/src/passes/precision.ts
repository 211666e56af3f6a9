import type { Graph } from '../graph.js'

export type Precision = 'f32' | 'bf16'

/** Ops that multiply many pairs for each result, which is where a narrow type pays. */
const products = new Set(['matmul', 'conv2d'])

/** Tells products what to multiply in; a device that lacks the type uses f32. */
export const inPrecision = (graph: Graph, precision: Precision): Graph => ({
  ...graph,
  nodes: graph.nodes.map((node) => (products.has(node.op.name) ? { ...node, attrs: { ...node.attrs, precision } } : node)),
})
