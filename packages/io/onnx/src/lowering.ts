import type { Node } from '@scanline/compile'
import { formatShape, permute, reshape, scope, slice, type Tensor, unscoped } from '@scanline/tensor'
import { broadcast } from './broadcast.js'
import type { Builder } from './builder.js'
import type { Constants } from './constants.js'
import type { OpContext } from './context.js'
import { type Dims, sameDim } from './dims.js'
import { OnnxExportError } from './errors.js'
import { lowerings } from './lower/index.js'
import { type Traced, traceWithin } from './traced.js'
import { type Order, Value } from './value.js'

/** Writes the nodes of a graph over values that are there; gives its outputs. */
export function lowerGraph(traced: Traced, inputs: readonly Value[], builder: Builder, constants: Constants): Value[] {
  const { graph } = traced
  const values = new Map<number, Value>(graph.inputs.map((v, i) => [v, inputs[i]]))
  const readBy = new Map<number, (Node | 'output')[]>()
  const note = (v: number, reader: Node | 'output') => readBy.set(v, [...(readBy.get(v) ?? []), reader])
  for (const node of graph.nodes) for (const v of node.inputs) note(v, node)
  for (const v of graph.outputs) note(v, 'output')

  const value = (v: number): Value => {
    const known = values.get(v)
    if (known) return known
    const made = constantValue(graph.constants.get(v)!, traced.dims(v), builder, constants)
    values.set(v, made)
    return made
  }
  for (const node of graph.nodes) {
    if (values.has(node.outputs[0])) continue
    const tensors = node.inputs.flatMap((v) => graph.constants.get(v) ?? [])
    builder.path = tensors.map((t) => constants.path(t)).find((path) => path !== undefined) ?? builder.path
    const context: OpContext = {
      builder,
      node,
      inputs: node.inputs.map(value),
      dims: node.outputs.map((v) => traced.dims(v)),
      constant: (i) => graph.constants.get(node.inputs[i]),
      write: (make, role) => constants.write(ownView(make), builder.scoped(role)),
      followed(of, by) {
        const [v] = of.outputs
        const [reader, ...others] = readBy.get(v) ?? []
        if (!reader || reader === 'output' || others.length > 0 || reader.inputs.length !== 2 || !by(reader)) return undefined
        const other = graph.constants.get(reader.inputs.find((input) => input !== v)!)
        return other && { reader, other }
      },
      set: (output, result) => void values.set(node.outputs[output], result),
      setLater: (later, result) => void values.set(later.outputs[0], result),
      refuse: (why) => refusal(traced, node, builder.opset, why),
    }
    // With an epilogue a product is two ops.
    if (Object.hasOwn(lowerings, node.op.name) && node.attrs.epilogue === undefined) lowerings[node.op.name](context)
    else decompose(traced, context, constants)
  }
  return graph.outputs.map(value)
}

/** An op without a lowering of its own is written as the smaller ops that it says it is made of. */
function decompose(traced: Traced, context: OpContext, constants: Constants): void {
  const { node, builder } = context
  const { op, attrs, inputs } = node
  const inner = op.decompose && traceWithin(traced, (...tensors) => op.decompose!(tensors, attrs), inputs)
  if (!inner) throw context.refuse('the op has no lowering here and no decomposition')
  try {
    const outputs = lowerGraph(inner, context.inputs, builder, constants)
    for (const [i, output] of outputs.entries()) context.set(i, output)
  } finally {
    inner.release()
  }
}

function refusal({ graph }: Traced, { op, inputs }: Node, opset: number, why: string): OnnxExportError {
  const specs = inputs.map((v) => `${graph.specs[v].dtype}${formatShape(graph.specs[v].shape)}`)
  return new OnnxExportError(
    `${op.name}(${specs.join(', ')}) cannot be written as ONNX of opset ${opset}: ${why}. Write it with other ops, or export the function up to it`,
  )
}

const ownView = (make: () => Tensor): Tensor => unscoped(() => scope(make))

/** A constant is there in every order: it is written in the one that is asked for. */
function constantValue(tensor: Tensor, dims: Dims, builder: Builder, constants: Constants): Value {
  const repeats = (axis: number): boolean => tensor.strides[axis] === 0 && (typeof dims[axis] !== 'number' || dims[axis] > 1)
  if (dims.some((d, axis) => typeof d !== 'number' && !repeats(axis)))
    throw new OnnxExportError(
      `a constant of shape ${formatShape(tensor.shape)} was made for a fixed number of images; make it of what does not depend on that, or export with { dynamicBatch: false }`,
    )
  const once = (): Tensor => dims.reduce<Tensor>((t, _, axis) => (repeats(axis) ? slice(t, axis, 0, 1) : t), tensor.alias())
  const least = dims.map((d, axis) => (repeats(axis) ? 1 : d))
  const whole = least.every((d, axis) => sameDim(d, dims[axis]))
  const written = (order: Order): string =>
    constants.write(
      ownView(() => (whole ? permute(once(), order) : withoutLeadingOnes(permute(once(), order)))),
      builder.scoped('constant'),
    )
  const value = Value.from(builder, least, tensor.dtype, { has: () => true, make: written })
  return whole ? value : broadcast(value, dims, builder)
}

/** What repeats needs no axes of length 1 in front. */
function withoutLeadingOnes(t: Tensor): Tensor {
  const first = t.shape.findIndex((d) => d !== 1)
  return reshape(t, first < 0 ? [] : t.shape.slice(first))
}
