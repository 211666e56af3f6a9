/** Byte encodings of the WebAssembly binary format (core specification, chapter 5). */

const scratch = new DataView(new ArrayBuffer(8))

/** Unsigned LEB128. */
export function uleb(value: number): number[] {
  const out: number[] = []
  let rest = value >>> 0
  do {
    const byte = rest & 0x7f
    rest >>>= 7
    out.push(rest === 0 ? byte : byte | 0x80)
  } while (rest !== 0)
  return out
}

/** Signed LEB128 of a 32-bit integer; an address above 2^31 is taken as its bit pattern. */
export function sleb(value: number): number[] {
  const out: number[] = []
  let rest = value | 0
  for (;;) {
    const byte = rest & 0x7f
    rest >>= 7
    if ((rest === 0 && (byte & 0x40) === 0) || (rest === -1 && (byte & 0x40) !== 0)) return [...out, byte]
    out.push(byte | 0x80)
  }
}

/** Signed LEB128 of a 64-bit integer. */
export function sleb64(value: bigint): number[] {
  const out: number[] = []
  let rest = BigInt.asIntN(64, value)
  for (;;) {
    const byte = Number(rest & 0x7fn)
    rest >>= 7n
    if ((rest === 0n && (byte & 0x40) === 0) || (rest === -1n && (byte & 0x40) !== 0)) return [...out, byte]
    out.push(byte | 0x80)
  }
}

export function f32Bytes(value: number): number[] {
  scratch.setFloat32(0, value, true)
  return [0, 1, 2, 3].map((i) => scratch.getUint8(i))
}

export function f64Bytes(value: number): number[] {
  scratch.setFloat64(0, value, true)
  return [0, 1, 2, 3, 4, 5, 6, 7].map((i) => scratch.getUint8(i))
}

export function i32Bytes(value: number): number[] {
  return [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff)
}

/** A name: its length, then its characters. Only ASCII is used here. */
export function text(value: string): number[] {
  return [...uleb(value.length), ...[...value].map((c) => c.charCodeAt(0))]
}

/** Bytes one after the other. */
export function concat(...parts: readonly ArrayLike<number>[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/** A vector of encoded entries. */
export const vector = (entries: readonly ArrayLike<number>[]): Uint8Array<ArrayBuffer> => concat(uleb(entries.length), ...entries)
