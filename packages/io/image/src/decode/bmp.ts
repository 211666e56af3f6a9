import { corrupt, truncated, unsupported } from '../errors.js'
import type { Raster } from '../types.js'
import type { DecodeOptions } from './options.js'
import { checkSize } from './options.js'

/** Channel masks of 16-bit pixels without masks of their own. */
const MASKS_555 = [0x7c00, 0x3e0, 0x1f] as const
const MASKS_888 = [0xff0000, 0xff00, 0xff] as const

/** Decodes an uncompressed Windows or OS/2 bitmap of 1, 4, 8, 16, 24 or 32 bits: mode `P` up to 8 bits, else `RGB` (alpha is dropped). */
export function decodeBmp(bytes: Uint8Array, options: DecodeOptions): Raster {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 26) throw truncated('BMP', 'no header')
  const start = view.getUint32(10, true)
  const headerSize = view.getUint32(14, true)
  const core = headerSize === 12
  if (!core && headerSize < 40) throw corrupt('BMP', `its header has ${headerSize} bytes`)
  if (bytes.length < 14 + headerSize) throw truncated('BMP', 'a part of the header')

  const width = core ? view.getUint16(18, true) : view.getInt32(18, true)
  const rows = core ? view.getUint16(20, true) : view.getInt32(22, true)
  const bits = view.getUint16(core ? 24 : 28, true)
  const compression = core ? 0 : view.getUint32(30, true)
  const height = Math.abs(rows)
  if (![1, 4, 8, 16, 24, 32].includes(bits)) throw corrupt('BMP', `pixels of ${bits} bits do not exist`)
  const masked = (compression === 3 || compression === 6) && (bits === 16 || bits === 32)
  if (compression !== 0 && !masked) throw unsupported('BMP', `compression ${compression}`)
  checkSize('BMP', width, height, options)

  const stride = Math.ceil((width * bits) / 32) * 4
  if (start + stride * height > bytes.length) {
    throw truncated('BMP', `${width} x ${height} pixels need ${start + stride * height} bytes, there are ${bytes.length}`)
  }
  const rowAt = (y: number) => start + stride * (rows < 0 ? y : height - 1 - y)
  if (bits <= 8) {
    const palette = readPalette(bytes, 14 + headerSize, core ? 3 : 4, Math.min(start, bytes.length))
    const data = new Uint8Array(width * height)
    for (let y = 0; y < height; y++) unpack(bytes, rowAt(y), bits, data.subarray(y * width, (y + 1) * width))
    return { mode: 'P', width, height, data, palette }
  }
  const maskAt = 14 + 40
  if (masked && bytes.length < maskAt + 12) throw truncated('BMP', 'its colour masks')
  const masks = masked ? [0, 4, 8].map((i) => view.getUint32(maskAt + i, true)) : bits === 16 ? MASKS_555 : MASKS_888
  const channels = masks.map((mask) => channelOf(mask))
  const data = new Uint8Array(width * height * 3)
  for (let y = 0, d = 0; y < height; y++) {
    for (let x = 0, s = rowAt(y); x < width; x++, s += bits >> 3) {
      let pixel = bytes[s]! | (bytes[s + 1]! << 8)
      if (bits > 16) pixel |= bytes[s + 2]! << 16
      if (bits > 24) pixel |= bytes[s + 3]! << 24
      for (const { shift, max } of channels) data[d++] = Math.floor((((pixel >>> shift) & max) * 255) / max)
    }
  }
  return { mode: 'RGB', width, height, data }
}

/** Place and largest value of a channel, from the mask of its bits. */
function channelOf(mask: number): { shift: number; max: number } {
  const shift = mask === 0 ? 0 : 31 - Math.clz32(mask & -mask)
  const max = mask >>> shift
  if (max === 0 || (max & (max + 1)) !== 0) throw corrupt('BMP', `the colour mask 0x${mask.toString(16)} is not one run of bits`)
  return { shift, max }
}

function readPalette(bytes: Uint8Array, from: number, step: number, end: number): Uint8Array {
  const count = Math.max(0, Math.min(256, Math.floor((end - from) / step)))
  const palette = new Uint8Array(count * 3)
  for (let i = 0; i < count; i++) {
    const at = from + i * step
    palette.set([bytes[at + 2]!, bytes[at + 1]!, bytes[at]!], i * 3)
  }
  return palette
}

function unpack(bytes: Uint8Array, at: number, bits: number, out: Uint8Array): void {
  const mask = (1 << bits) - 1
  for (let x = 0; x < out.length; x++) {
    const bit = x * bits
    out[x] = (bytes[at + (bit >> 3)]! >> (8 - bits - (bit & 7))) & mask
  }
}
