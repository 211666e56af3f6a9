import { add, broadcastTo, concat, matmulOp, pointwiseOp, sliceOp, type Tensor } from '@scanline/tensor'
import { type Graph, makeNode, type Node, producers, readers, rewrite } from '../graph.js'
import { channelRange } from './channel-range.js'
import { computeConstant } from './constants.js'
import { addExpr, binaryOperands } from './expr-match.js'
import { linearChain } from './linear.js'

/**
 * A sum of products over ranges of the same channels becomes one product: weights of neighbouring ranges stand below each
 * other, those of the same range are added. The classifiers of EfficientViM, each over a part of the pooled vectors and
 * perhaps in two sets, are one matrix then.
 */
export function mergeProducts(graph: Graph): Graph {
  for (let before = graph; ; ) {
    const after = mergeOnce(before)
    if (after === before) return after
    before = after
  }
}

/** Columns `start` … `end` of `value`. */
interface Part {
  readonly value: number
  readonly start: number
  readonly end: number
}

function mergeOnce(graph: Graph): Graph {
  const readBy = readers(graph)
  const madeBy = producers(graph)
  for (const node of graph.nodes) {
    const [first, second] = (binaryOperands(graph, node, 'add') ?? []).map((v) => linearChain(graph, v, madeBy, readBy))
    if (first?.linear.op.name !== matmulOp.name || second?.linear.op.name !== matmulOp.name) continue
    const parts = [first, second].map(({ linear, weight }) => ({ ...partOf(graph, madeBy, linear.inputs[0]), weight }))
    const merged = together(graph, parts[0], parts[1])
    if (!merged) continue
    const source = inputOf(graph, merged.part)
    const product = makeNode(graph, matmulOp, [source.value, merged.weight], {})
    const nodes = [...source.nodes, product]
    const biases = [first, second].flatMap(({ bias }) => (bias ? [bias.vector] : []))
    if (biases.length > 0) {
      const { shape, dtype } = graph.specs[node.outputs[0]]
      const bias = computeConstant(graph, () => broadcastTo(biases.reduce(add), shape))
      nodes.push(makeNode(graph, pointwiseOp, [product.outputs[0], bias], { expr: addExpr, dtype }))
    }
    const dropped = [first, second].flatMap(({ linear, bias }) => [linear, ...(bias ? [bias.node] : [])])
    const replaced = new Map<Node, Node[]>([...dropped.map((gone): [Node, Node[]] => [gone, []]), [node, nodes]])
    return rewrite(graph, replaced, new Map([[node.outputs[0], nodes[nodes.length - 1].outputs[0]]]))
  }
  return graph
}

/** The value that an input is a range of, or itself. */
function partOf(graph: Graph, madeBy: ReadonlyMap<number, Node>, value: number): Part {
  const node = madeBy.get(value)
  const range = node && channelRange(graph, node)
  return range && node
    ? { value: node.inputs[0], start: range.start, end: range.end }
    : { value, start: 0, end: widthOf(graph, value) }
}

const widthOf = (graph: Graph, value: number): number => graph.specs[value].shape.at(-1)!

/** One weight for two ranges, if they are the same or neighbours. */
function together(
  graph: Graph,
  a: Part & { readonly weight: Tensor },
  b: Part & { readonly weight: Tensor },
): { part: Part; weight: number } | undefined {
  if (a.value !== b.value) return undefined
  if (a.start === b.start && a.end === b.end) return { part: a, weight: computeConstant(graph, () => add(a.weight, b.weight)) }
  const [low, high] = a.start < b.start ? [a, b] : [b, a]
  if (low.end !== high.start) return undefined
  const weight = computeConstant(graph, () => concat([low.weight, high.weight], 0))
  return { part: { value: a.value, start: low.start, end: high.end }, weight }
}

/** The value that holds a range, and the nodes that make it. */
function inputOf(graph: Graph, { value, start, end }: Part): { value: number; nodes: Node[] } {
  if (start === 0 && end === widthOf(graph, value)) return { value, nodes: [] }
  const { shape } = graph.specs[value]
  const last = shape.length - 1
  const slice = makeNode(graph, sliceOp, [value], {
    start: shape.map((_, i) => (i === last ? start : 0)),
    end: shape.map((d, i) => (i === last ? end : d)),
    step: shape.map(() => 1),
  })
  return { value: slice.outputs[0], nodes: [slice] }
}
