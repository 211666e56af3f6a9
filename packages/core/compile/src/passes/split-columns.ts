import { slice } from '@scanline/tensor'
import { type Graph, makeNode, type Node, producers, readers, rewrite } from '../graph.js'
import { type ChannelRange, channelRange } from './channel-range.js'
import { computeConstant } from './constants.js'
import { constantWeight, sliceOutputs } from './linear.js'

/**
 * A matmul or convolution whose result is only ever read in channel ranges (the gate and the value of a gated block)
 * becomes one for each range, with the pointwise work in between repeated per range. Every part is then contiguous and
 * takes its own epilogue. No arithmetic is added, as the ranges do not overlap.
 */
export function splitColumns(graph: Graph): Graph {
  const madeBy = producers(graph)
  const readBy = readers(graph)
  const replaced = new Map<Node, Node[]>()
  const renamed = new Map<number, number>()

  /** From the linear op down to `value` through pointwise nodes with constants, each read once; undefined otherwise. */
  const chainTo = (value: number): Node[] | undefined => {
    const node = madeBy.get(value)
    if (!node) return undefined
    // Not a depthwise convolution: it reads only the channels that it writes, and a view of them is as good.
    if (constantWeight(graph, node)) return node.op.name === 'depthwiseConv2d' ? undefined : [node]
    if (node.op.name !== 'pointwise') return undefined
    const computed = node.inputs.filter((v) => !graph.constants.has(v))
    if (computed.length !== 1 || readBy.get(computed[0])?.length !== 1) return undefined
    const above = chainTo(computed[0])
    return above && [...above, node]
  }

  for (const node of graph.nodes) {
    const ranges = (readBy.get(node.outputs[0]) ?? []).map((r) => (r === 'output' ? undefined : channelRange(graph, r)))
    if (ranges.length === 0 || !ranges.every((r) => r !== undefined) || overlap(ranges)) continue
    const chain = chainTo(node.outputs[0])
    if (!chain) continue
    for (const link of chain) replaced.set(link, [])
    for (const { reader, start, end } of ranges) {
      const part = (v: number): number => computeConstant(graph, () => slice(graph.constants.get(v)!, -1, start, end))
      const [linear, ...rest] = chain
      const weight = computeConstant(graph, () => sliceOutputs(linear.op.name, constantWeight(graph, linear)!, start, end))
      const nodes = [makeNode(graph, linear.op, [linear.inputs[0], weight], linear.attrs)]
      for (const link of rest) {
        const from = nodes[nodes.length - 1].outputs[0]
        nodes.push(
          makeNode(
            graph,
            link.op,
            link.inputs.map((v) => (graph.constants.has(v) ? part(v) : from)),
            link.attrs,
          ),
        )
      }
      replaced.set(reader, nodes)
      renamed.set(reader.outputs[0], nodes[nodes.length - 1].outputs[0])
    }
  }
  return rewrite(graph, replaced, renamed)
}

function overlap(ranges: readonly ChannelRange[]): boolean {
  const sorted = [...ranges].sort((a, b) => a.start - b.start || a.end - b.end)
  return sorted.some((r, i) => i > 0 && r.start < sorted[i - 1].end)
}
