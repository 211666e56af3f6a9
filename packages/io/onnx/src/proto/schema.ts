/**
 * The messages and fields of onnx.proto that files of models need (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto):
 * name of a field in camelCase → its number and its type. `[]` is repeated, `packed` repeated without a tag for each value.
 */
export const schema = {
  ModelProto: {
    irVersion: [1, 'int64'],
    producerName: [2, 'string'],
    producerVersion: [3, 'string'],
    domain: [4, 'string'],
    modelVersion: [5, 'int64'],
    docString: [6, 'string'],
    graph: [7, 'GraphProto'],
    opsetImport: [8, 'OperatorSetIdProto[]'],
    metadataProps: [14, 'StringStringEntryProto[]'],
  },
  OperatorSetIdProto: { domain: [1, 'string'], version: [2, 'int64'] },
  StringStringEntryProto: { key: [1, 'string'], value: [2, 'string'] },
  GraphProto: {
    node: [1, 'NodeProto[]'],
    name: [2, 'string'],
    initializer: [5, 'TensorProto[]'],
    docString: [10, 'string'],
    input: [11, 'ValueInfoProto[]'],
    output: [12, 'ValueInfoProto[]'],
  },
  NodeProto: {
    input: [1, 'string[]'],
    output: [2, 'string[]'],
    name: [3, 'string'],
    opType: [4, 'string'],
    attribute: [5, 'AttributeProto[]'],
    domain: [7, 'string'],
  },
  AttributeProto: {
    name: [1, 'string'],
    f: [2, 'float'],
    i: [3, 'int64'],
    // Bytes in onnx.proto, UTF-8 in all that standard operators read.
    s: [4, 'string'],
    g: [6, 'GraphProto'],
    floats: [7, 'float[]'],
    ints: [8, 'int64[]'],
    type: [20, 'int32'],
  },
  TensorProto: {
    dims: [1, 'int64[]'],
    dataType: [2, 'int32'],
    name: [8, 'string'],
    rawData: [9, 'bytes'],
    externalData: [13, 'StringStringEntryProto[]'],
    dataLocation: [14, 'int32'],
  },
  ValueInfoProto: { name: [1, 'string'], type: [2, 'TypeProto'] },
  TypeProto: { tensorType: [1, 'TypeProtoTensor'] },
  TypeProtoTensor: { elemType: [1, 'int32'], shape: [2, 'TensorShapeProto'] },
  TensorShapeProto: { dim: [1, 'TensorShapeProtoDimension[]'] },
  TensorShapeProtoDimension: { dimValue: [1, 'int64'], dimParam: [2, 'string'] },
} as const satisfies Record<string, Record<string, readonly [number, string]>>

type Scalar = { int64: bigint; int32: number; float: number; string: string; bytes: Uint8Array }
type Schema = typeof schema

type Value<T> = T extends `${infer Item}[]`
  ? Value<Item>[]
  : T extends keyof Scalar
    ? Scalar[T]
    : T extends keyof Schema
      ? Message<T>
      : never

/** A message by its name, every field optional. */
export type Message<Name extends keyof Schema> = {
  [Field in keyof Schema[Name]]?: Schema[Name][Field] extends readonly [number, infer T] ? Value<T> : never
}
