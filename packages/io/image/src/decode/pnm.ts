import { corrupt, truncated } from '../errors.js'
import { roundHalfEven } from '../geometry.js'
import type { Raster } from '../types.js'
import type { DecodeOptions } from './options.js'
import { checkSize } from './options.js'

/** Digits that a number of a header or a plain file may have. */
const MAX_DIGITS = 10

/**
 * Decodes PBM, PGM and PPM, plain (P1 to P3) and binary (P4 to P6). Another maximum than 255 is scaled to 255; grey with a maximum above 255
 * is what Pillow opens as `I` and follows {@link DecodeOptions.grey16}.
 */
export function decodePnm(bytes: Uint8Array, options: DecodeOptions): Raster {
  const kind = bytes[1]! - 0x30
  const reader = { bytes, pos: 2 }
  const width = readNumber(reader)
  const height = readNumber(reader)
  const bilevel = kind === 1 || kind === 4
  const max = bilevel ? 1 : readNumber(reader)
  if (max < 1 || max > 65535) throw corrupt('PNM', `its maximum is ${max}`)
  checkSize('PNM', width, height, options)
  const channels = kind % 3 === 0 ? 3 : 1
  const values = width * height * channels
  const plain = kind <= 3
  // Exactly one white-space byte parts a binary image from its header.
  const start = reader.pos + 1
  const size = plain
    ? bilevel
      ? values
      : 2 * values - 1
    : kind === 4
      ? Math.ceil(width / 8) * height
      : values * (max > 255 ? 2 : 1)
  if (start + size > bytes.length)
    throw truncated('PNM', `${width} x ${height} pixels need ${size} bytes, there are ${bytes.length - start}`)

  if (bilevel) {
    const data = new Uint8Array(values)
    const rowBytes = Math.ceil(width / 8)
    for (let y = 0, d = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        // Ones are black.
        data[d++] = plain ? 1 - readBit(reader) : ~(bytes[start + y * rowBytes + (x >> 3)]! >> (7 - (x & 7))) & 1
      }
    }
    return { mode: '1', width, height, data }
  }
  const next = plain
    ? () => readNumber(reader)
    : max > 255
      ? (i: number) => (bytes[start + 2 * i]! << 8) | bytes[start + 2 * i + 1]!
      : (i: number) => bytes[start + i]!
  const wide = channels === 1 && max > 255
  const clip = wide && options.grey16 === 'clip'
  const data = new (clip ? Int32Array : Uint8Array)(values)
  for (let i = 0; i < values; i++) {
    const value = next(i)
    if (wide) {
      const scaled = Math.min(65535, roundHalfEven((value / max) * 65535))
      data[i] = clip ? scaled : scaled >> 8
    } else data[i] = Math.min(255, max === 255 ? value : roundHalfEven((value / max) * 255))
  }
  return { mode: channels === 3 ? 'RGB' : clip ? 'I' : 'L', width, height, data }
}

interface Reader {
  readonly bytes: Uint8Array
  pos: number
}

function skipSpace(reader: Reader): void {
  const { bytes } = reader
  for (;;) {
    const byte = bytes[reader.pos]
    if (byte === 0x23) while (reader.pos < bytes.length && bytes[reader.pos] !== 10 && bytes[reader.pos] !== 13) reader.pos++
    else if (byte === 32 || (byte !== undefined && byte >= 9 && byte <= 13)) reader.pos++
    else return
  }
}

function readNumber(reader: Reader): number {
  skipSpace(reader)
  const from = reader.pos
  let value = 0
  for (
    let digit = reader.bytes[reader.pos];
    digit !== undefined && digit >= 0x30 && digit <= 0x39;
    digit = reader.bytes[++reader.pos]
  ) {
    value = value * 10 + digit - 0x30
  }
  const digits = reader.pos - from
  if (digits === 0 && from >= reader.bytes.length) throw truncated('PNM', `a number at byte ${from}`)
  if (digits === 0 || digits > MAX_DIGITS) throw corrupt('PNM', `no number stands at byte ${from}`)
  return value
}

/** Bits of a plain bitmap may stand without space between them. */
function readBit(reader: Reader): number {
  skipSpace(reader)
  const bit = reader.bytes[reader.pos++]
  if (bit === undefined) throw truncated('PNM', 'a pixel')
  if (bit !== 0x30 && bit !== 0x31) throw corrupt('PNM', `no bit stands at byte ${reader.pos - 1}`)
  return bit - 0x30
}
