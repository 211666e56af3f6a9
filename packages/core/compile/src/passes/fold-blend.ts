import { broadcastTo, pointwiseOp, sub } from '@scanline/tensor'
import { type Graph, makeNode, type Node, producers, readers, rewrite } from '../graph.js'
import { computeConstant } from './constants.js'
import { addExpr, binaryOperands, channelOperand, mulExpr } from './expr-match.js'
import { linearChain } from './linear.js'

/**
 * A per-channel blend x + s (f(x) - x) behind a matmul or convolution becomes (1 - s) x + s f(x), so that `foldScale` can
 * take s into the weight and bias of f, and `foldSkip` the rest into a depthwise convolution.
 */
export function foldBlend(graph: Graph): Graph {
  const readBy = readers(graph)
  const madeBy = producers(graph)
  const single = (v: number): boolean => readBy.get(v)?.length === 1
  const replaced = new Map<Node, Node[]>()
  const renamed = new Map<number, number>()
  for (const node of graph.nodes) {
    for (const [from, step] of orders(binaryOperands(graph, node, 'add'))) {
      const scaling = single(step) ? channelOperand(graph, madeBy.get(step), 'mul') : undefined
      const difference = scaling && single(scaling.computed) ? madeBy.get(scaling.computed) : undefined
      const [to, minus] = binaryOperands(graph, difference, 'sub') ?? []
      if (!scaling || !difference || to === undefined || minus !== from || !linearChain(graph, to, madeBy, readBy)) continue
      const { shape, dtype } = graph.specs[node.outputs[0]]
      const one = computeConstant(graph, () => broadcastTo(sub(1, scaling.vector), shape))
      const product = { expr: mulExpr, dtype }
      const kept = makeNode(graph, pointwiseOp, [from, one], product)
      const taken = makeNode(graph, pointwiseOp, [to, scaling.constant], product)
      const sum = makeNode(graph, pointwiseOp, [kept.outputs[0], taken.outputs[0]], { expr: addExpr, dtype })
      replaced.set(difference, [])
      replaced.set(madeBy.get(step)!, [])
      replaced.set(node, [kept, taken, sum])
      renamed.set(node.outputs[0], sum.outputs[0])
      break
    }
  }
  return rewrite(graph, replaced, renamed)
}

/** A pair both ways round. */
export const orders = (pair: readonly [number, number] | undefined): (readonly [number, number])[] =>
  pair ? [pair, [pair[1], pair[0]]] : []
