import { mul, reshape, slice, type Tensor } from '@scanline/tensor'
import type { Graph, Node } from '../graph.js'
import { channelOperand } from './expr-match.js'

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

/**
 * The matmul or convolution with a constant weight that computes `value`, a per-channel bias perhaps added, if nobody else
 * reads what they compute.
 */
export function linearChain(
  graph: Graph,
  value: number,
  madeBy: ReadonlyMap<number, Node>,
  readBy: ReadonlyMap<number, readonly unknown[]>,
): { linear: Node; weight: Tensor; bias?: { node: Node; constant: number; vector: Tensor } } | undefined {
  if (readBy.get(value)?.length !== 1) return undefined
  const last = madeBy.get(value)
  const bias = channelOperand(graph, last, 'add')
  if (bias && readBy.get(bias.computed)?.length !== 1) return undefined
  const linear = bias ? madeBy.get(bias.computed) : last
  const weight = constantWeight(graph, linear)
  if (!linear || !last || !weight) return undefined
  return { linear, weight, ...(bias && { bias: { node: last, constant: bias.constant, vector: bias.vector } }) }
}
