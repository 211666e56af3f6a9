import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { OnnxExportError } from './errors.js'
import { type Attribute, dataTypes, type Initializer, type OnnxGraph, type OnnxModel, type OnnxNode, type Port } from './model.js'
import { encode } from './proto/codec.js'
import { type Message, schema } from './proto/schema.js'

/** Bytes that follow one another: the weights among them are those of the model, uncopied. */
export type Chunks = readonly Uint8Array[]

export interface ExternalDataOptions {
  /** Name of the file beside the model. */
  readonly location: string
  /** Constants of so many bytes or more go there. */
  readonly threshold: number
}

export interface Serialized {
  readonly model: Chunks
  /** What belongs into the file beside it. */
  readonly data: Chunks
}

/** IR versions and the opsets that came with them: https://github.com/onnx/onnx/blob/main/docs/Versioning.md. */
const irVersions: readonly (readonly [opset: number, ir: bigint])[] = [
  [21, 10n],
  [19, 9n],
  [15, 8n],
]

/** AttributeProto.AttributeType. */
const attributeTypes = { float: 1, int: 2, string: 3, graph: 5, floats: 6, ints: 7 } as const
/** TensorProto.DataLocation. */
const external = 1
/** A page: readers map the file into memory. */
const alignment = 4096

/** The bytes of a model, and those of the file beside it that its large constants lie in, if asked for. */
export function serialize({ graph, opset, metadata = {} }: OnnxModel, outside?: ExternalDataOptions): Serialized {
  const data: Uint8Array[] = []
  let end = 0
  const initializers = graph.initializers.flatMap((constant) => {
    if (!outside || constant.bytes.byteLength < outside.threshold) return inside(constant)
    const padding = (alignment - (end % alignment)) % alignment
    if (padding > 0) data.push(new Uint8Array(padding))
    data.push(constant.bytes)
    const offset = end + padding
    end = offset + constant.bytes.byteLength
    return framed(schema.GraphProto.initializer[0], [encode('TensorProto', pointer(constant, outside.location, offset))])
  })
  const model: Message<'ModelProto'> = {
    irVersion: irVersions.find(([first]) => opset >= first)![1],
    producerName: 'scanline',
    opsetImport: [{ domain: '', version: BigInt(opset) }],
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
  }
  // Protobuf merges what is written one after the other: the graph's constants need not pass through the encoder.
  const body = [encode('GraphProto', graphMessage({ ...graph, initializers: [] })), ...initializers]
  return { model: [encode('ModelProto', model), ...framed(schema.ModelProto.graph[0], body)], data }
}

/** Longer messages are refused by every reader of protobuf. */
export const mostBytes = 2 ** 31 - 1

/** A model as the bytes of one file. Throws `OnnxExportError` above 2 GiB, the most that one can have. */
export function onnxBytes(model: OnnxModel): Uint8Array<ArrayBuffer> {
  const chunks = serialize(model).model
  const size = byteLength(chunks)
  if (size > mostBytes)
    throw new OnnxExportError(
      `the model has ${size} bytes, and an ONNX file ${mostBytes} at most; saveOnnx of @scanline/onnx/node puts the weights into a file beside it, as serialize does with a location`,
    )
  return joined(chunks)
}

/** One array out of the chunks. */
function joined(chunks: Chunks): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(byteLength(chunks))
  let at = 0
  for (const chunk of chunks) {
    all.set(chunk, at)
    at += chunk.byteLength
  }
  return all
}

export const byteLength = (chunks: Chunks): number => chunks.reduce((n, chunk) => n + chunk.byteLength, 0)

const framed = (field: number, chunks: Chunks): Chunks => [
  new BinaryWriter().tag(field, WireType.LengthDelimited).uint32(byteLength(chunks)).finish(),
  ...chunks,
]

function inside(constant: Initializer): Chunks {
  return framed(schema.GraphProto.initializer[0], [
    encode('TensorProto', tensorHead(constant)),
    ...framed(schema.TensorProto.rawData[0], [constant.bytes]),
  ])
}

const tensorHead = ({ name, shape, dtype }: Initializer): Message<'TensorProto'> => ({
  dims: shape.map(BigInt),
  dataType: dataTypes[dtype],
  name,
})

const pointer = (constant: Initializer, location: string, offset: number): Message<'TensorProto'> => ({
  ...tensorHead(constant),
  externalData: Object.entries({ location, offset, length: constant.bytes.byteLength }).map(([key, value]) => ({
    key,
    value: String(value),
  })),
  dataLocation: external,
})

const graphMessage = ({ name = 'graph', inputs, outputs, nodes, initializers }: OnnxGraph): Message<'GraphProto'> => ({
  node: nodes.map(nodeMessage),
  name,
  initializer: initializers.map((constant) => ({ ...tensorHead(constant), rawData: constant.bytes })),
  input: inputs.map(portMessage),
  output: outputs.map(portMessage),
})

const nodeMessage = ({ op, name, inputs, outputs, attributes = {} }: OnnxNode): Message<'NodeProto'> => ({
  input: [...inputs],
  output: [...outputs],
  ...(name !== undefined && { name }),
  opType: op,
  attribute: Object.entries(attributes).map(([key, value]) => ({ name: key, ...attributeMessage(value) })),
})

function attributeMessage(value: Attribute): Message<'AttributeProto'> {
  if ('int' in value) return { i: BigInt(value.int), type: attributeTypes.int }
  if ('ints' in value) return { ints: value.ints.map(BigInt), type: attributeTypes.ints }
  if ('float' in value) return { f: value.float, type: attributeTypes.float }
  if ('floats' in value) return { floats: [...value.floats], type: attributeTypes.floats }
  if ('string' in value) return { s: value.string, type: attributeTypes.string }
  return { g: graphMessage(value.graph), type: attributeTypes.graph }
}

const portMessage = ({ name, dtype, shape }: Port): Message<'ValueInfoProto'> => ({
  name,
  type: {
    tensorType: {
      elemType: dataTypes[dtype],
      ...(shape && { shape: { dim: shape.map((d) => (typeof d === 'string' ? { dimParam: d } : { dimValue: BigInt(d) })) } }),
    },
  },
})
