import { create, createFileRegistry, type DescMessage, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import {
  FileDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from '@bufbuild/protobuf/wkt'
import { type Message, schema } from './schema.js'

const scalars: Readonly<Record<string, Type>> = {
  int64: Type.INT64,
  int32: Type.INT32,
  float: Type.FLOAT,
  string: Type.STRING,
  bytes: Type.BYTES,
}

/** The schema as protobuf's own description of a file. Its fields have presence, as in onnx.proto: a 0 is written. */
function describe() {
  const messageType = Object.entries(schema).map(([name, fields]) => ({
    name,
    field: Object.entries(fields as Record<string, readonly [number, string]>).map(([field, [number, text]]) => {
      const repeated = text.endsWith('[]')
      const type = repeated ? text.slice(0, -2) : text
      return {
        name: field,
        number,
        label: repeated ? Label.REPEATED : Label.OPTIONAL,
        ...(type in scalars ? { type: scalars[type] } : { type: Type.MESSAGE, typeName: `.onnx.${type}` }),
      }
    }),
  }))
  const file = create(FileDescriptorProtoSchema, { name: 'onnx.proto', package: 'onnx', syntax: 'proto2', messageType })
  return createFileRegistry(file, () => undefined)
}

let registry: ReturnType<typeof describe> | undefined

function descriptor(name: keyof typeof schema): DescMessage {
  registry ??= describe()
  return registry.getMessage(`onnx.${name}`)!
}

/** The bytes of a message. */
export function encode<Name extends keyof typeof schema>(name: Name, message: Message<Name>): Uint8Array {
  const type = descriptor(name)
  return toBinary(type, create(type, message as MessageInitShape<DescMessage>))
}

/** The message that bytes hold; fields that the schema leaves out are skipped. Throws for bytes that are no such message. */
export function decode<Name extends keyof typeof schema>(name: Name, bytes: Uint8Array): Message<Name> {
  return fromBinary(descriptor(name), bytes) as unknown as Message<Name>
}
