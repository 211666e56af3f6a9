import { concatOp, type PadAttrs, padOp } from '@scanline/tensor'
import { type Graph, makeNode, type Node, producers, readers, rewrite } from '../graph.js'
import { binaryOperands } from './expr-match.js'

/** More would be a sum of many slices of one tensor, which a concatenation of single rows does not make faster. */
const mostParts = 8

/**
 * A sum of parts that are padded with zeros and lie side by side is their concatenation. The gradient of what is read in
 * ranges has this form: that of a gated block's first product, for one.
 */
export function joinPads(graph: Graph): Graph {
  const readBy = readers(graph)
  const madeBy = producers(graph)
  const replaced = new Map<Node, readonly Node[]>()
  const renamed = new Map<number, number>()

  /** The nodes that a value is the sum of, and the sums between; undefined where something else takes part. */
  const terms = (value: number): { pads: Node[]; sums: Node[] } | undefined => {
    const node = madeBy.get(value)
    if (!node || readBy.get(value)?.length !== 1) return undefined
    if (node.op.name === padOp.name) return { pads: [node], sums: [] }
    const sum = sumOf(node)
    return sum && { pads: sum.pads, sums: [...sum.sums, node] }
  }
  const sumOf = (node: Node): { pads: Node[]; sums: Node[] } | undefined => {
    const [a, b] = (binaryOperands(graph, node, 'add') ?? []).map(terms)
    return a && b && { pads: [...a.pads, ...b.pads], sums: [...a.sums, ...b.sums] }
  }

  for (const node of graph.nodes) {
    const sum = sumOf(node)
    const row = sum && sum.pads.length <= mostParts ? sideBySide(graph, sum.pads) : undefined
    if (!sum || !row) continue
    const joined = makeNode(graph, concatOp, row.values, { axis: row.axis })
    for (const gone of [...sum.pads, ...sum.sums]) replaced.set(gone, [])
    replaced.set(node, [joined])
    renamed.set(node.outputs[0], joined.outputs[0])
  }
  return replaced.size > 0 ? rewrite(graph, replaced, renamed) : graph
}

/** What was padded, in order along the one axis that it covers without a gap. */
function sideBySide(graph: Graph, pads: readonly Node[]): { axis: number; values: number[] } | undefined {
  const places = pads.map((pad) => {
    const { before, after, interior, value } = pad.attrs as PadAttrs
    const padded = before.flatMap((n, axis) => (n + after[axis] > 0 ? [axis] : []))
    const plain = value === 0 && interior.every((n) => n === 0) && padded.length === 1
    const [axis] = padded
    const [input] = pad.inputs
    return plain ? { axis, start: before[axis], end: before[axis] + graph.specs[input].shape[axis], input } : undefined
  })
  const known = places.filter((place) => place !== undefined).sort((a, b) => a.start - b.start)
  const [first] = known
  if (known.length < pads.length || known.some(({ axis, input }) => axis !== first.axis || graph.constants.has(input)))
    return undefined
  const whole = graph.specs[pads[0].outputs[0]].shape[first.axis]
  const ends = known.map(({ end }) => end)
  const tiled = known.every(({ start }, i) => start === (i === 0 ? 0 : ends[i - 1])) && ends[ends.length - 1] === whole
  return tiled ? { axis: first.axis, values: known.map(({ input }) => input) } : undefined
}
