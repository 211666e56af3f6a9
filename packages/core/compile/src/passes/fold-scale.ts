import { broadcastTo, mul } from '@scanline/tensor'
import { type Graph, makeNode, type Node, producers, readers, rewrite } from '../graph.js'
import { computeConstant } from './constants.js'
import { channelOperand, scalarFactor } from './expr-match.js'
import { constantWeight, scaleOutputs } from './linear.js'

/** Multiplies a constant per-channel factor (layer scale) into the weight and bias of the matmul or convolution before it. */
export function foldScale(graph: Graph): Graph {
  const readBy = readers(graph)
  const madeBy = producers(graph)
  const single = (v: number): boolean => readBy.get(v)?.length === 1
  const replaced = new Map<Node, Node[]>()
  const renamed = new Map<number, number>()
  for (const node of graph.nodes) {
    const scaling = channelOperand(graph, node, 'mul') ?? scalarFactor(graph, node)
    if (!scaling || !single(scaling.computed)) continue
    const { vector } = scaling
    const before = madeBy.get(scaling.computed)
    const bias = channelOperand(graph, before, 'add')
    const linear = bias ? madeBy.get(bias.computed) : before
    const weight = constantWeight(graph, linear)
    if (!linear || !weight || !single(linear.outputs[0]) || replaced.has(linear)) continue

    const scaled = makeNode(
      graph,
      linear.op,
      [linear.inputs[0], computeConstant(graph, () => scaleOutputs(linear.op.name, weight, vector))],
      linear.attrs,
    )
    replaced.set(linear, [scaled])
    replaced.set(node, [])
    if (bias && before) {
      const { shape } = graph.specs[node.outputs[0]]
      const addend = computeConstant(graph, () => broadcastTo(mul(bias.vector, vector), shape))
      const sum = makeNode(
        graph,
        before.op,
        before.inputs.map((v) => (v === bias.constant ? addend : scaled.outputs[0])),
        before.attrs,
      )
      replaced.set(before, [sum])
      renamed.set(node.outputs[0], sum.outputs[0])
    } else renamed.set(node.outputs[0], scaled.outputs[0])
  }
  return rewrite(graph, replaced, renamed)
}
