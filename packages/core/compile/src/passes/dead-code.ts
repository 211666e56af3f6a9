import type { Graph } from '../graph.js'

/** Drops nodes whose results nobody reads. */
export function dropDeadCode(graph: Graph): Graph {
  const needed = new Set(graph.outputs)
  const kept = [...graph.nodes].reverse().filter((node) => {
    if (!node.outputs.some((v) => needed.has(v))) return false
    for (const v of node.inputs) needed.add(v)
    return true
  })
  return { ...graph, nodes: kept.reverse() }
}
