/**
 * The part of protobuf that an ONNX file needs, for writing only: a message is a list of fields, a field its number and
 * its bytes (https://protobuf.dev/programming-guides/encoding/).
 */
export type Bytes = readonly Uint8Array[]

const encoder = new TextEncoder()

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  // Negative numbers are 64-bit two's complement: always ten bytes.
  let rest = BigInt.asUintN(64, BigInt(value))
  do {
    const low = Number(rest & 127n)
    rest >>= 7n
    bytes.push(rest > 0n ? low + 128 : low)
  } while (rest > 0n)
  return Uint8Array.from(bytes)
}

const tag = (field: number, wire: number): Uint8Array => varint(field * 8 + wire)
const length = (parts: Bytes): number => parts.reduce((n, part) => n + part.byteLength, 0)

export const int = (field: number, value: number): Bytes => [tag(field, 0), varint(value)]
export const float = (field: number, value: number): Bytes => [tag(field, 5), new Uint8Array(new Float32Array([value]).buffer)]
export const message = (field: number, ...fields: readonly Bytes[]): Bytes => {
  const parts = fields.flat()
  return [tag(field, 2), varint(length(parts)), ...parts]
}
export const bytes = (field: number, value: Uint8Array): Bytes => message(field, [value])
export const text = (field: number, value: string): Bytes => bytes(field, encoder.encode(value))
export const ints = (field: number, values: readonly number[]): Bytes => values.flatMap((value) => int(field, value))

/** One array out of the parts. */
export function join(parts: Bytes): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(length(parts))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.byteLength
  }
  return all
}
