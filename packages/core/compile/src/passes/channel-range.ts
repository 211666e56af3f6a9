import { sliceOp } from '@scanline/tensor'
import type { Graph, Node } from '../graph.js'

/** A node that reads channels `start` … `end` of its input. */
export interface ChannelRange {
  readonly reader: Node
  readonly start: number
  readonly end: number
}

/** What a slice along the last axis reads; undefined for any other node. */
export function channelRange(graph: Graph, reader: Node): ChannelRange | undefined {
  if (reader.op.name !== sliceOp.name) return undefined
  const { start, end, step } = reader.attrs as { start: number[]; end: number[]; step: number[] }
  const { shape } = graph.specs[reader.inputs[0]]
  const last = shape.length - 1
  const whole = shape.every((d, i) => step[i] === 1 && (i === last || (start[i] === 0 && end[i] === d)))
  return whole ? { reader, start: start[last], end: end[last] } : undefined
}
