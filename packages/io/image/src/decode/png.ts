import { unzlibSync } from 'fflate'
import { corrupt, truncated } from '../errors.js'
import type { Mode, Raster } from '../types.js'
import { crc32 } from './crc32.js'
import type { DecodeOptions } from './options.js'
import { checkSize } from './options.js'
import { passes, unfilter } from './png-rows.js'

/** Colour type of the header to mode, number of channels and allowed bit depths (PNG specification, table 11.1). */
const COLOUR_TYPES: Record<number, { mode: Mode; channels: number; depths: readonly number[] }> = {
  0: { mode: 'L', channels: 1, depths: [1, 2, 4, 8, 16] },
  2: { mode: 'RGB', channels: 3, depths: [8, 16] },
  3: { mode: 'P', channels: 1, depths: [1, 2, 4, 8] },
  4: { mode: 'LA', channels: 2, depths: [8, 16] },
  6: { mode: 'RGBA', channels: 4, depths: [8, 16] },
}

/** Deflate cannot expand more than 1032 times. */
const MAX_RATIO = 1032

interface Header {
  readonly width: number
  readonly height: number
  readonly depth: number
  readonly interlaced: boolean
  readonly mode: Mode
  readonly channels: number
}

/**
 * Decodes a PNG of any colour type, depth and interlacing. Grey of 2 and 4 bits is expanded to the full range, 16 bits become the high byte
 * ({@link DecodeOptions.grey16} for grey), transparency and gamma chunks are ignored.
 */
export function decodePng(bytes: Uint8Array, options: DecodeOptions): Raster {
  const { header, palette, data } = readChunks(bytes, options)
  const { width, height, depth, channels } = header
  const bits = channels * depth
  const parts = passes(width, height, header.interlaced)
  const rawSize = parts.reduce((sum, p) => sum + p.rows * (1 + Math.ceil((p.columns * bits) / 8)), 0)
  if (rawSize > (data.length + 1) * MAX_RATIO) {
    throw truncated('PNG', `${data.length} bytes of compressed data cannot hold ${width} x ${height} pixels`)
  }
  const raw = inflate(data, rawSize)

  const wide = header.mode === 'L' && depth === 16 && options.grey16 === 'clip'
  const out = new (wide ? Int32Array : Uint8Array)(width * height * channels)
  // Grey of fewer than 8 bits is scaled; one bit stays 0 and 1, as palette indices do.
  const scale = header.mode === 'L' && depth < 8 ? 255 / (2 ** depth - 1) : 1
  let offset = 0
  for (const part of parts) {
    const rowBytes = Math.ceil((part.columns * bits) / 8)
    unfilter(raw, offset, part.rows, rowBytes, Math.ceil(bits / 8))
    for (let y = 0; y < part.rows; y++, offset += rowBytes + 1) {
      const row = raw.subarray(offset + 1, offset + 1 + rowBytes)
      const at = ((part.y0 + y * part.dy) * width + part.x0) * channels
      if (depth === 8 && part.dx === 1) out.set(row, at)
      else spread(row, out, at, part.columns, channels, part.dx * channels, depth, scale, wide)
    }
  }
  if (wide) return { mode: 'I', width, height, data: out }
  return { mode: header.mode, width, height, data: out, ...(palette && header.mode === 'P' && { palette }) }
}

/** Writes the pixels of a packed row `step` values apart. */
function spread(
  row: Uint8Array,
  out: Uint8Array | Int32Array,
  at: number,
  pixels: number,
  channels: number,
  step: number,
  depth: number,
  scale: number,
  wide: boolean,
): void {
  const bytes = depth >> 3
  const mask = 2 ** depth - 1
  for (let x = 0, s = 0, d = at; x < pixels; x++, d += step) {
    for (let c = 0; c < channels; c++, s++) {
      if (wide) out[d + c] = (row[2 * s]! << 8) | row[2 * s + 1]!
      else if (bytes > 0) out[d + c] = row[bytes * s]!
      else out[d + c] = ((row[(s * depth) >> 3]! >> (8 - depth - ((s * depth) & 7))) & mask) * scale
    }
  }
}

function readChunks(
  bytes: Uint8Array,
  options: DecodeOptions,
): { header: Header; palette: Uint8Array | undefined; data: Uint8Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const parts: Uint8Array[] = []
  let header: Header | undefined
  let palette: Uint8Array | undefined
  for (let pos = 8; pos < bytes.length; ) {
    if (pos + 8 > bytes.length) throw truncated('PNG', `a chunk header at byte ${pos}`)
    const length = view.getUint32(pos)
    const type = String.fromCharCode(...bytes.subarray(pos + 4, pos + 8))
    const body = bytes.subarray(pos + 8, pos + 8 + length)
    const end = pos + 12 + length
    if (!header && type !== 'IHDR') throw corrupt('PNG', `it begins with a chunk ${JSON.stringify(type)}`)
    if (end > bytes.length) throw truncated('PNG', `chunk ${JSON.stringify(type)} needs ${end} bytes, there are ${bytes.length}`)
    const critical = (bytes[pos + 4]! & 0x20) === 0
    if (critical && crc32(bytes.subarray(pos + 4, end - 4)) !== view.getUint32(end - 4)) {
      throw corrupt('PNG', `chunk ${type} at byte ${pos} has a wrong checksum`)
    }
    if (type === 'IHDR' && !header) header = readHeader(body, options)
    else if (type === 'PLTE') palette = body
    else if (type === 'IDAT') parts.push(body)
    else if (type === 'IEND') break
    pos = end
  }
  if (!header) throw truncated('PNG', 'no header')
  if (parts.length === 0) throw truncated('PNG', 'no image data')
  if (header.mode === 'P' && !palette) throw corrupt('PNG', 'its palette is missing')
  return { header, palette, data: concat(parts) }
}

function readHeader(body: Uint8Array, options: DecodeOptions): Header {
  if (body.length !== 13) throw corrupt('PNG', `its header has ${body.length} bytes`)
  const view = new DataView(body.buffer, body.byteOffset, 13)
  const width = view.getUint32(0)
  const height = view.getUint32(4)
  const [depth, type, compression, filter, interlace] = body.subarray(8) as unknown as [number, number, number, number, number]
  const colour = COLOUR_TYPES[type]
  if (!colour?.depths.includes(depth)) throw corrupt('PNG', `colour type ${type} with ${depth} bits does not exist`)
  if (compression !== 0 || filter !== 0 || interlace > 1)
    throw corrupt('PNG', 'its header names an unknown compression, filter or interlacing')
  checkSize('PNG', width, height, options)
  const mode = type === 0 && depth === 1 ? '1' : colour.mode
  return { width, height, depth, interlaced: interlace === 1, mode, channels: colour.channels }
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!
  const all = new Uint8Array(parts.reduce((sum, p) => sum + p.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/** At most `size` bytes are kept, however much the data would expand to. */
function inflate(data: Uint8Array, size: number): Uint8Array {
  let raw: Uint8Array
  try {
    raw = unzlibSync(data, { out: new Uint8Array(size) })
  } catch (cause) {
    throw corrupt('PNG', `its compressed data cannot be read (${(cause as Error).message})`)
  }
  if (raw.length < size) throw truncated('PNG', `${raw.length} of ${size} bytes of pixels`)
  return raw
}
