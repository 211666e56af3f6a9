import { type Bytes, bytes, float, int, ints, join, message, text } from './protobuf.js'

/** Field numbers and enumerations are those of onnx.proto3 (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3). */
export type Attribute = { readonly int: number } | { readonly ints: readonly number[] } | { readonly float: number }

export interface OnnxNode {
  readonly op: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes?: Readonly<Record<string, Attribute>>
}

/** A constant. */
export interface Initializer {
  readonly name: string
  readonly shape: readonly number[]
  readonly values: Float32Array | BigInt64Array
}

/** An input or output, f32. */
export interface Port {
  readonly name: string
  readonly shape: readonly number[]
}

export interface OnnxGraph {
  readonly inputs: readonly Port[]
  readonly outputs: readonly Port[]
  readonly nodes: readonly OnnxNode[]
  readonly initializers: readonly Initializer[]
}

const irVersion = 9
/** The version of the standard operators: the first with Gelu. */
export const opset = 20
const dataType = { float: 1, int64: 7 }
const attributeType = { float: 1, int: 2, ints: 7 }

/** An ONNX file of the graph. */
export function writeOnnx({ inputs, outputs, nodes, initializers }: OnnxGraph): Uint8Array<ArrayBuffer> {
  return join([
    ...int(1, irVersion),
    ...text(2, 'scanline-bench'),
    ...message(
      7,
      ...nodes.map(node),
      text(2, 'graph'),
      ...initializers.map(initializer),
      ...inputs.map((port) => value(11, port)),
      ...outputs.map((port) => value(12, port)),
    ),
    ...message(8, int(2, opset)),
  ])
}

function node({ op, inputs, outputs, attributes = {} }: OnnxNode): Bytes {
  return message(
    1,
    ...inputs.map((name) => text(1, name)),
    ...outputs.map((name) => text(2, name)),
    text(4, op),
    ...Object.entries(attributes).map(([name, attribute]) => message(5, text(1, name), ...attributeFields(attribute))),
  )
}

function attributeFields(attribute: Attribute): Bytes[] {
  if ('float' in attribute) return [float(2, attribute.float), int(20, attributeType.float)]
  if ('int' in attribute) return [int(3, attribute.int), int(20, attributeType.int)]
  return [ints(8, attribute.ints), int(20, attributeType.ints)]
}

function initializer({ name, shape, values }: Initializer): Bytes {
  const type = values instanceof Float32Array ? dataType.float : dataType.int64
  const raw = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  return message(5, ints(1, shape), int(2, type), text(8, name), bytes(9, raw))
}

const value = (field: number, { name, shape }: Port): Bytes =>
  message(
    field,
    text(1, name),
    message(2, message(1, int(1, dataType.float), message(2, ...shape.map((d) => message(1, int(1, d)))))),
  )
