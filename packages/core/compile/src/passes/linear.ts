import { mul, reshape, slice, type Tensor } from '@scanline/tensor'
import type { Graph, Node } from '../graph.js'

/** The axis of a linear op's weight (its second input) that counts output channels. */
const outputAxis: Readonly<Record<string, number>> = { matmul: 1, conv2d: 0, depthwiseConv2d: 0 }

/** The constant weight of a matmul or convolution that nothing is fused into yet. */
export function constantWeight(graph: Graph, node: Node | undefined): Tensor | undefined {
  if (!node || !(node.op.name in outputAxis) || node.attrs.epilogue) return undefined
  const weight = graph.constants.get(node.inputs[1])
  return weight && (node.op.name !== 'matmul' || weight.rank === 2) ? weight : undefined
}

/** A weight whose output channels are scaled by `vector` [C]. */
export function scaleOutputs(op: string, weight: Tensor, vector: Tensor): Tensor {
  const axis = outputAxis[op]
  return mul(
    weight,
    reshape(
      vector,
      weight.shape.map((_, i) => (i === axis ? -1 : 1)),
    ),
  )
}

/** A range of a weight's output channels. */
export const sliceOutputs = (op: string, weight: Tensor, start: number, end: number): Tensor =>
  slice(weight, outputAxis[op], start, end)
