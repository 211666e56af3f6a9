import { type Graph, type Node, trace } from '@scanline/compile'
import { type Expr, gelu, ReferenceBackend, slice, type Tensor, type ValueSpec } from '@scanline/tensor'
import type { ModelCase } from '../cases.js'
import { BenchError } from '../errors.js'
import { buildModel } from '../models.js'
import { modelInput } from '../subjects/model.js'
import { type Attribute, type Initializer, type OnnxGraph, type OnnxNode, writeOnnx } from './model.js'

/** A model, as the zoo builds it for a benchmark, as an ONNX file with standard operators. Throws `BenchError` for an op without one. */
export async function onnxOfModel(what: ModelCase): Promise<Uint8Array> {
  const device = new ReferenceBackend()
  const model = await buildModel(what, device)
  const input: ValueSpec = { shape: modelInput(what).shape, dtype: 'f32' }
  const { graph } = trace((x) => model.forward(x) as Tensor, [input], device)
  return writeOnnx(await onnxOfGraph(graph))
}

/**
 * A traced graph, before any pass of the compiler, in standard operators: what an exporter would write. Convolutions get
 * their [N, C, H, W] by transposes around them and their bias as an input; broadcasts are left to ONNX.
 */
export async function onnxOfGraph(graph: Graph): Promise<OnnxGraph> {
  const writer = new Writer(graph)
  for (const node of graph.nodes) await writer.node(node)
  return {
    inputs: graph.inputs.map((v, i) => ({ name: i === 0 ? 'x' : `x${i}`, shape: graph.specs[v].shape })),
    outputs: graph.outputs.map((v) => ({ name: writer.names.get(v)!, shape: graph.specs[v].shape })),
    nodes: writer.nodes,
    initializers: writer.initializers,
  }
}

const toFirst: Attribute = { ints: [0, 3, 1, 2] }
const toLast: Attribute = { ints: [0, 2, 3, 1] }

const pointwiseOps: Readonly<Record<string, string>> = {
  add: 'Add',
  sub: 'Sub',
  mul: 'Mul',
  div: 'Div',
  min: 'Min',
  max: 'Max',
  pow: 'Pow',
  neg: 'Neg',
  abs: 'Abs',
  sqrt: 'Sqrt',
  exp: 'Exp',
  log: 'Log',
  erf: 'Erf',
  tanh: 'Tanh',
  sigmoid: 'Sigmoid',
}
const reductions: Readonly<Record<string, string>> = { mean: 'ReduceMean', sum: 'ReduceSum', max: 'ReduceMax', min: 'ReduceMin' }

class Writer {
  readonly nodes: OnnxNode[] = []
  readonly initializers: Initializer[] = []
  readonly names: Map<number, string>
  readonly #graph: Graph
  readonly #readers = new Map<number, Node[]>()
  readonly #gelu: string
  #next = 0

  constructor(graph: Graph) {
    this.#graph = graph
    this.names = new Map(graph.inputs.map((v, i) => [v, i === 0 ? 'x' : `x${i}`]))
    for (const node of graph.nodes) for (const v of node.inputs) this.#readers.set(v, [...(this.#readers.get(v) ?? []), node])
    const traced = trace((x) => gelu(x), [{ shape: [1], dtype: 'f32' }], graph.backend)
    this.#gelu = JSON.stringify(traced.graph.nodes[0].attrs.expr)
  }

  async node(node: Node): Promise<void> {
    if (this.names.has(node.outputs[0])) return
    const { op, attrs } = node
    switch (op.name) {
      case 'matmul':
        return this.#set(node, this.#add('MatMul', await this.#inputs(node)))
      case 'conv2d':
      case 'depthwiseConv2d':
        return this.#convolution(node)
      case 'layerNorm': {
        const [x, ...affine] = await this.#inputs(node)
        const [channels] = this.#graph.specs[node.inputs[0]].shape.slice(-1)
        const scale = affine.length > 0 ? affine : [this.#constant([channels], new Float32Array(channels).fill(1))]
        const attributes = { axis: { int: -1 }, epsilon: { float: attrs.eps as number } }
        return this.#set(node, this.#add('LayerNormalization', [x, ...scale], attributes))
      }
      case 'pointwise':
        return this.#set(node, this.#pointwise(attrs.expr as Expr, await this.#inputs(node)))
      case 'reduce': {
        const axes = this.#integers(attrs.axes as number[])
        return this.#set(
          node,
          this.#add(reductions[attrs.kind as string], [...(await this.#inputs(node)), axes], { keepdims: { int: 1 } }),
        )
      }
      case 'concat':
        return this.#set(node, this.#add('Concat', await this.#inputs(node), { axis: { int: attrs.axis as number } }))
      case 'permute':
        return this.#set(node, this.#add('Transpose', await this.#inputs(node), { perm: { ints: attrs.axes as number[] } }))
      case 'reshape':
        return this.#set(node, this.#add('Reshape', [...(await this.#inputs(node)), this.#integers(attrs.shape as number[])]))
      case 'slice': {
        const { start, end, step } = attrs as { start: number[]; end: number[]; step: number[] }
        const cut = start
          .map((_, i) => i)
          .filter((i) => end[i] - start[i] !== this.#graph.specs[node.inputs[0]].shape[i] || step[i] !== 1)
        const along = (values: readonly number[]): string => this.#integers(cut.map((i) => values[i]))
        const axes = this.#integers(cut)
        return this.#set(node, this.#add('Slice', [...(await this.#inputs(node)), along(start), along(end), axes, along(step)]))
      }
      case 'broadcast': {
        const odd = this.#readers.get(node.outputs[0])?.find((reader) => reader.op.name !== 'pointwise')
        if (odd) throw new BenchError(`a broadcast that ${odd.op.name} reads is not written as ONNX`)
        return this.#set(node, (await this.#inputs(node))[0])
      }
      default:
        throw new BenchError(`${op.name} is not written as ONNX`)
    }
  }

  async #convolution(node: Node): Promise<void> {
    const { stride, padding, dilation } = node.attrs as { stride: number[]; padding: number[]; dilation: number[] }
    const [x, weight] = await this.#inputs(node)
    const bias = this.#biasAfter(node)
    const [top, bottom, left, right] = padding
    const first = this.#add('Transpose', [x], { perm: toFirst })
    const convolved = this.#add('Conv', [first, weight, ...(bias ? [await this.#value(bias.value)] : [])], {
      group: { int: node.op.name === 'conv2d' ? 1 : this.#graph.specs[node.inputs[1]].shape[0] },
      strides: { ints: stride },
      dilations: { ints: dilation },
      pads: { ints: [top, left, bottom, right] },
    })
    this.#set(bias?.add ?? node, this.#add('Transpose', [convolved], { perm: toLast }))
  }

  /** The sum with a constant for each channel that is all that reads a convolution. */
  #biasAfter(node: Node): { readonly add: Node; readonly value: number } | undefined {
    const readers = this.#readers.get(node.outputs[0]) ?? []
    const [add] = readers
    if (readers.length !== 1 || add.op.name !== 'pointwise' || add.inputs.length !== 2) return undefined
    if ((add.attrs.expr as Expr).length !== 3 || (add.attrs.expr as Expr)[2][0] !== 'add') return undefined
    const value = add.inputs.find((v) => v !== node.outputs[0])
    const constant = value === undefined ? undefined : this.#graph.constants.get(value)
    const perChannel = constant?.strides.every((s, i, all) =>
      i === all.length - 1 ? s === 1 : s === 0 || constant.shape[i] === 1,
    )
    return value !== undefined && perChannel ? { add, value } : undefined
  }

  #pointwise(expr: Expr, inputs: readonly string[]): string {
    // One operator, as an exporter writes it, which the peer has a kernel for.
    if (JSON.stringify(expr) === this.#gelu) return this.#add('Gelu', inputs)
    const values: string[] = []
    for (const [name, ...operands] of expr) {
      const op = pointwiseOps[name]
      if (name === 'input') values.push(inputs[operands[0]])
      else if (name === 'const') values.push(this.#constant([], Float32Array.of(operands[0])))
      else if (op)
        values.push(
          this.#add(
            op,
            operands.map((k) => values[k!]),
          ),
        )
      else throw new BenchError(`the pointwise ${name} is not written as ONNX`)
    }
    return values[values.length - 1]
  }

  #set(node: Node, name: string): void {
    this.names.set(node.outputs[0], name)
  }

  async #inputs(node: Node): Promise<string[]> {
    const names: string[] = []
    for (const v of node.inputs) names.push(await this.#value(v))
    return names
  }

  async #value(v: number): Promise<string> {
    const known = this.names.get(v)
    if (known !== undefined) return known
    const tensor = this.#graph.constants.get(v)!
    // What a broadcast repeats is written once; axes in front of the first that counts are left out.
    const unique = tensor.strides.reduce((t, s, axis) => (s === 0 && t.shape[axis] > 1 ? slice(t, axis, 0, 1) : t), tensor)
    const lead = unique.shape.findIndex((d) => d !== 1)
    const repeats = tensor.strides.some((s, i) => s === 0 && tensor.shape[i] > 1)
    const name = this.#constant(
      repeats && lead > 0 ? unique.shape.slice(lead) : unique.shape,
      (await unique.data()) as Float32Array,
    )
    this.names.set(v, name)
    return name
  }

  #constant(shape: readonly number[], values: Float32Array | BigInt64Array): string {
    const name = `c${this.#next++}`
    this.initializers.push({ name, shape, values })
    return name
  }

  #integers(values: readonly number[]): string {
    return this.#constant([values.length], BigInt64Array.from(values, BigInt))
  }

  #add(op: string, inputs: readonly string[], attributes?: OnnxNode['attributes']): string {
    const name = `v${this.#next++}`
    this.nodes.push({ op, inputs, outputs: [name], ...(attributes && { attributes }) })
    return name
  }
}
