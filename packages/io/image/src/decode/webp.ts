import { decodeWebpPixels } from '#webp-codec'
import { corrupt, truncated, unsupported } from '../errors.js'
import type { Raster } from '../types.js'
import type { DecodeOptions } from './options.js'
import { checkSize } from './options.js'
import { hasText } from './sniff.js'

const ANIMATED = 2

/** Decodes a still WebP, lossy or lossless, with libwebp compiled to WebAssembly. Mode `RGBA`. */
export async function decodeWebp(bytes: Uint8Array, options: DecodeOptions): Promise<Raster> {
  const { width, height } = readSize(bytes)
  checkSize('WebP', width, height, options)
  let pixels: { width: number; height: number; data: Uint8Array }
  try {
    pixels = await decodeWebpPixels(bytes)
  } catch (cause) {
    throw corrupt('WebP', `libwebp refuses it (${(cause as Error).message})`)
  }
  if (pixels.width !== width || pixels.height !== height) throw corrupt('WebP', 'its header and its data differ in size')
  return { mode: 'RGBA', width, height, data: pixels.data }
}

/** Size as the first chunk declares it (RFC 9649). */
function readSize(bytes: Uint8Array): { width: number; height: number } {
  if (bytes.length < 30) throw truncated('WebP', 'no header')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const end = 8 + view.getUint32(4, true)
  if (end > bytes.length) throw truncated('WebP', `it should have ${end} bytes, there are ${bytes.length}`)
  if (hasText(bytes, 12, 'VP8X')) {
    if (bytes[20]! & ANIMATED) throw unsupported('WebP', 'animation')
    return { width: (view.getUint32(24, true) & 0xffffff) + 1, height: (view.getUint32(26, true) >>> 8) + 1 }
  }
  if (hasText(bytes, 12, 'VP8L')) {
    const bits = view.getUint32(21, true)
    return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 }
  }
  if (hasText(bytes, 12, 'VP8 ')) return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff }
  throw corrupt('WebP', 'its first chunk is no image')
}
