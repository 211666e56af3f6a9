import { CheckpointError } from '../errors.js'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
/** Longest integer, in bytes: 2^1000 fits, and conversion stays cheap. */
const MAX_LONG = 128
/** Longest module or class name line. */
const MAX_NAME = 256

/** Reads a pickle's arguments from bytes, never past their end. */
export class Cursor {
  private readonly view: DataView

  private readonly bytes: Uint8Array
  pos: number

  constructor(bytes: Uint8Array, pos: number) {
    this.bytes = bytes
    this.pos = pos
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  /** Position of the next `length` bytes, which are passed over. */
  private advance(length: number): number {
    const start = this.pos
    if (length > this.bytes.length - start)
      throw new CheckpointError(
        'Truncated',
        `${length} bytes are announced, but the pickle ends after ${this.bytes.length - start}; the file was cut off or damaged`,
      )
    this.pos += length
    return start
  }

  u8 = (): number => this.view.getUint8(this.advance(1))
  u16 = (): number => this.view.getUint16(this.advance(2), true)
  u32 = (): number => this.view.getUint32(this.advance(4), true)
  i32 = (): number => this.view.getInt32(this.advance(4), true)
  /** Lengths beyond 2^53 become inexact, but stay far too large for any file. */
  u64 = (): number => Number(this.view.getBigUint64(this.advance(8), true))
  /** Protocol 1 and later write floats big-endian. */
  f64 = (): number => this.view.getFloat64(this.advance(8), false)

  private take(length: number): Uint8Array {
    const start = this.advance(length)
    return this.bytes.subarray(start, start + length)
  }

  // Not slice(): of a Node Buffer that would be a view.
  copy(length: number): Uint8Array {
    return new Uint8Array(this.take(length))
  }

  /** A frame announces how much may be read ahead; what it holds is read as usual. */
  frame(): void {
    const length = this.u64()
    const start = this.advance(length)
    this.pos = start
  }

  text(length: number): string {
    return decodeText(this.take(length))
  }

  /** Two's complement, little-endian, any length. */
  long(length: number): number | bigint {
    if (length > MAX_LONG) throw new CheckpointError('LimitExceeded', `an integer of ${length} bytes; the limit is ${MAX_LONG}`)
    const value = this.take(length).reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n)
    return exactInteger(BigInt.asIntN(length * 8, value))
  }

  /** A name that ends with a line feed. */
  line(): string {
    const end = this.bytes.subarray(0, this.pos + MAX_NAME).indexOf(0x0a, this.pos)
    if (end < 0) {
      this.advance(MAX_NAME)
      throw new CheckpointError('InvalidPickle', `a name longer than ${MAX_NAME} bytes`)
    }
    const name = this.text(end - this.pos)
    this.pos++
    return name
  }
}

/** The integer as a number where that is exact. */
export function exactInteger(value: bigint): number | bigint {
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value
}

/** UTF-8; halves of surrogate pairs, which Python writes as three bytes each, stay halves. */
function decodeText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch {
    const isHalf = (i: number) =>
      bytes[i] === 0xed && ((bytes[i + 1] ?? 0) & 0xe0) === 0xa0 && ((bytes[i + 2] ?? 0) & 0xc0) === 0x80
    const parts: string[] = []
    let from = 0
    for (let i = bytes.indexOf(0xed); i >= 0; i = bytes.indexOf(0xed, i + 1)) {
      if (!isHalf(i)) continue
      parts.push(
        decodeStrict(bytes.subarray(from, i)),
        String.fromCharCode(0xd000 | (((bytes[i + 1] as number) & 0x3f) << 6) | ((bytes[i + 2] as number) & 0x3f)),
      )
      from = i + 3
    }
    parts.push(decodeStrict(bytes.subarray(from)))
    return parts.join('')
  }
}

function decodeStrict(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch {
    throw new CheckpointError('InvalidPickle', 'a string is not UTF-8 text')
  }
}
