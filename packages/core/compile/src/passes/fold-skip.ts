import { add, full, pad, reshape, type Tensor } from '@scanline/tensor'
import { type Graph, makeNode, type Node, producers, readers, rewrite } from '../graph.js'
import { computeConstant } from './constants.js'
import { binaryOperands, channelOperand } from './expr-match.js'
import { orders } from './fold-blend.js'
import { linearChain } from './linear.js'

type Window = { readonly stride: readonly number[]; readonly padding: readonly number[]; readonly dilation: readonly number[] }

/**
 * Adds what goes around a depthwise convolution, c x + dw(x) with c for each channel (1 for a plain residual), to the
 * centre tap of its kernel: one convolution is left, without a second look at x.
 */
export function foldSkip(graph: Graph): Graph {
  const readBy = readers(graph)
  const madeBy = producers(graph)
  const replaced = new Map<Node, Node[]>()
  const renamed = new Map<number, number>()
  for (const node of graph.nodes) {
    for (const [skip, value] of orders(binaryOperands(graph, node, 'add'))) {
      const chain = linearChain(graph, value, madeBy, readBy)
      if (chain?.linear.op.name !== 'depthwiseConv2d' || !keepsPlaces(chain.linear, chain.weight)) continue
      const { linear, weight, bias } = chain
      const [x] = linear.inputs
      const scaling = skip === x || readBy.get(skip)?.length !== 1 ? undefined : channelOperand(graph, madeBy.get(skip), 'mul')
      if (skip !== x && scaling?.computed !== x) continue
      const folded = computeConstant(graph, () => {
        const [channels, , kh, kw] = weight.shape
        const factor = scaling?.vector ?? full([channels], 1, { device: weight.device, dtype: weight.dtype })
        const around = [0, 0, (kh - 1) / 2, (kw - 1) / 2]
        return add(weight, pad(reshape(factor, [channels, 1, 1, 1]), { before: around, after: around }))
      })
      const convolution = makeNode(graph, linear.op, [x, folded], linear.attrs)
      replaced.set(linear, [])
      if (scaling) replaced.set(madeBy.get(skip)!, [])
      if (bias) {
        const inputs = bias.node.inputs.map((v) => (v === bias.constant ? v : convolution.outputs[0]))
        const sum = makeNode(graph, bias.node.op, inputs, bias.node.attrs)
        replaced.set(bias.node, [])
        replaced.set(node, [convolution, sum])
        renamed.set(node.outputs[0], sum.outputs[0])
      } else {
        replaced.set(node, [convolution])
        renamed.set(node.outputs[0], convolution.outputs[0])
      }
      break
    }
  }
  return rewrite(graph, replaced, renamed)
}

/** Whether the centre tap of every output lies on the input at the same place. */
function keepsPlaces({ attrs }: Node, { shape: [, , kh, kw] }: Tensor): boolean {
  const { stride, padding, dilation } = attrs as unknown as Window
  const [y, x] = [(dilation[0] * (kh - 1)) / 2, (dilation[1] * (kw - 1)) / 2]
  return kh % 2 === 1 && kw % 2 === 1 && stride.every((s) => s === 1) && [y, y, x, x].every((p, i) => padding[i] === p)
}
