import { reshape, scope, slice, type Tensor, unscoped } from '@scanline/tensor'
import { addConstant, type Graph } from '../graph.js'

/** A constant computed now from other constants. */
export function computeConstant(graph: Graph, body: () => Tensor): number {
  return addConstant(
    graph,
    unscoped(() => scope(body)),
  )
}

/** The vector [C] that a constant repeats over all other axes, or undefined if it varies along them. */
export function channelVector(tensor: Tensor): Tensor | undefined {
  const last = tensor.rank - 1
  if (last < 0 || tensor.shape.some((d, i) => i !== last && d !== 1 && tensor.strides[i] !== 0)) return undefined
  let vector = tensor
  for (let axis = 0; axis < last; axis++) vector = slice(vector, axis, 0, 1)
  return reshape(vector, [tensor.shape[last]])
}
