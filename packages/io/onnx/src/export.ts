import { Module } from '@scanline/nn'
import { ArgumentError, type Backend, leaves, type Tensor, type Tree, type ValueSpec } from '@scanline/tensor'
import { Builder } from './builder.js'
import { Constants } from './constants.js'
import { dimension } from './dims.js'
import { lowerGraph } from './lowering.js'
import type { OnnxModel, OnnxNode, Port } from './model.js'
import { traceForOnnx } from './traced.js'
import { channelsFirst, identity, type Order, Value } from './value.js'

/** An input of the function: what a tensor for it looks like, channels last, and what it is called in the file. */
export interface InputSpec extends ValueSpec {
  /** `input`, or `input_0`, … of several, unless told otherwise. */
  readonly name?: string
}

export interface ExportOptions {
  /** Where the function's tensors live. A module's own unless told otherwise. */
  readonly device?: Backend
  /** Whose parameters name the constants: the module itself where one is exported. */
  readonly module?: Module
  /** Version of the standard operators, 17 to 22: 20, the first in which GELU is one of them. */
  readonly opset?: number
  /** The first axis of every input may have any length when the file runs: true. */
  readonly dynamicBatch?: boolean
  /** Axes of images and feature maps outside: `NCHW`, as users of ONNX expect, or `NHWC`. */
  readonly layout?: 'NCHW' | 'NHWC'
  /** In the order of the function's results: `output`, or `output_0`, … of several. */
  readonly outputNames?: readonly string[]
  /** Kept in the file: names and texts of one's own. */
  readonly metadata?: Readonly<Record<string, string>>
  /** Told how many of the constants are read. */
  readonly onProgress?: (done: number, total: number) => void
}

/** A module of one input in evaluation mode, or any function of tensors. */
export type Exportable = ((...inputs: Tensor[]) => Tree) | (Module & { forward(x: Tensor): Tree })

const opsets = { first: 17, last: 22, usual: 20 } as const

/**
 * A model as ONNX: traced, its batch norms and scales folded into weights, in standard operators only. Give the result to
 * `onnxBytes`, or to `saveOnnx` of `@scanline/onnx/node`.
 *
 * Throws `OnnxExportError` for what has no standard operators, `ArgumentError` for a module in training mode and for
 * options out of range, and what the function throws.
 *
 * @example
 * const model = await createModel('mambaout_femto', { device, pretrained: true })
 * const file = await exportOnnx(model, [{ shape: [1, 224, 224, 3], dtype: 'f32' }], { outputNames: ['logits'] })
 * await saveOnnx('mambaout_femto.onnx', file)
 */
export async function exportOnnx(
  what: Exportable,
  inputs: readonly InputSpec[],
  options: ExportOptions = {},
): Promise<OnnxModel> {
  const { opset = opsets.usual, dynamicBatch = true, layout = 'NCHW', outputNames, metadata = {}, onProgress } = options
  if (!Number.isInteger(opset) || opset < opsets.first || opset > opsets.last)
    throw new ArgumentError(`opset ${opset} cannot be written; use ${opsets.first} to ${opsets.last}`)
  const module = options.module ?? (what instanceof Module ? what : undefined)
  if (what instanceof Module && what.training)
    throw new ArgumentError(`${what.constructor.name} is in training mode; call eval() before it is exported`)
  const device = options.device ?? module?.parameters()[0]?.device
  if (!device) throw new ArgumentError('exportOnnx of a function needs { device }: where the tensors that it captures live')
  const f = what instanceof Module ? (x: Tensor) => what.forward(x) : what

  const builder = new Builder(opset)
  const outer = (rank: number): Order => (rank === 4 && layout === 'NCHW' ? channelsFirst(rank) : identity(rank))
  const { traced, unfolded, result } = traceForOnnx(f, inputs, device, dynamicBatch)
  const constants = new Constants(module, (wanted) => builder.unique(wanted))
  try {
    constants.nameFolded(unfolded, traced.graph)
    const results = leaves(result).length
    const outputs = outputNames ?? (results === 1 ? ['output'] : Array.from({ length: results }, (_, i) => `output_${i}`))
    const inputNames = inputs.map(({ name }, i) => name ?? (inputs.length === 1 ? 'input' : `input_${i}`))
    checkNames(inputNames, outputs, results)
    for (const name of [...inputNames, ...outputs]) builder.unique(name)
    const ports: Port[] = []
    const values = traced.graph.inputs.map((v, i) => {
      const dims = traced.dims(v)
      const { dtype } = inputs[i]
      const order = outer(dims.length)
      ports.push({ name: inputNames[i], dtype, shape: order.map((axis) => dimension(dims[axis])) })
      return Value.of(builder, dims, dtype, inputNames[i], order)
    })
    builder.countBatchOf(inputNames[0])
    const found = lowerGraph(traced, values, builder, constants)
    const computed = found.map((value) => value.get(outer(value.rank)))
    const graph = {
      name: module?.constructor.name ?? 'graph',
      inputs: ports,
      outputs: found.map((value, i) => ({
        name: outputs[i],
        dtype: value.dtype,
        shape: outer(value.rank).map((axis) => dimension(value.dims[axis])),
      })),
      nodes: withOutputs(builder.nodes, computed, outputs),
      initializers: [...(await constants.read(onProgress)), ...builder.initializers],
    }
    return { opset, metadata, graph }
  } finally {
    constants.release()
    traced.release()
  }
}

function checkNames(inputs: readonly string[], outputs: readonly string[], results: number): void {
  if (outputs.length !== results)
    throw new ArgumentError(`${outputs.length} output names do not fit a function with ${results} results; name every result`)
  const all = [...inputs, ...outputs]
  const odd = all.find((name, i) => name === '' || all.indexOf(name) !== i)
  if (odd !== undefined)
    throw new ArgumentError(`"${odd}" names two inputs or outputs, or is no name; give each a name of its own`)
}

/** The nodes with the results under their own names; a result that is an input, a constant or another result is copied. */
function withOutputs(nodes: readonly OnnxNode[], results: readonly string[], wanted: readonly string[]): OnnxNode[] {
  const renamed = new Map<string, string>()
  const copies: OnnxNode[] = []
  const computed = new Set(nodes.flatMap(({ outputs }) => outputs))
  for (const [i, result] of results.entries()) {
    if (computed.has(result) && !renamed.has(result)) renamed.set(result, wanted[i])
    else copies.push({ op: 'Identity', name: `/${wanted[i]}/Identity`, inputs: [result], outputs: [wanted[i]] })
  }
  const rename = (name: string): string => renamed.get(name) ?? name
  return [...nodes, ...copies].map((node) => ({
    ...node,
    inputs: node.inputs.map(rename),
    outputs: node.outputs.map(rename),
  }))
}
