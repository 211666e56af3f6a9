import { hasText, sniff } from './decode/sniff.js'
import { invalid } from './errors.js'
import type { Image } from './types.js'

/** EXIF orientation: 1 upright, 2 mirrored left-right, 3 turned by 180, 4 mirrored top-bottom, 5 transposed, 6 to turn clockwise, 7, 8. */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8

const TAG_ORIENTATION = 0x0112

/**
 * Reads the EXIF orientation of a JPEG, PNG or WebP file; 1 when there is none or it cannot be read. Decoding does not apply it, as the reference
 * pipelines do not: give it to {@link orient} for showing a picture.
 */
export function readOrientation(bytes: Uint8Array): Orientation {
  const exif = findExif(bytes)
  if (!exif || exif.length < 8) return 1
  const view = new DataView(exif.buffer, exif.byteOffset, exif.byteLength)
  const little = hasText(exif, 0, 'II')
  const directory = view.getUint32(4, little)
  if (directory + 2 > exif.length) return 1
  const count = view.getUint16(directory, little)
  for (let i = 0, at = directory + 2; i < count && at + 12 <= exif.length; i++, at += 12) {
    if (view.getUint16(at, little) !== TAG_ORIENTATION) continue
    const value = view.getUint16(at + 8, little)
    return value >= 1 && value <= 8 ? (value as Orientation) : 1
  }
  return 1
}

/** The TIFF structure of the EXIF block. */
function findExif(bytes: Uint8Array): Uint8Array | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const format = sniff(bytes)
  if (format === 'jpeg') {
    for (
      let pos = 2;
      pos + 10 <= bytes.length && bytes[pos] === 0xff && bytes[pos + 1] !== 0xda;
      pos += 2 + view.getUint16(pos + 2)
    ) {
      if (bytes[pos + 1] === 0xe1 && hasText(bytes, pos + 4, 'Exif\0\0'))
        return bytes.subarray(pos + 10, pos + 2 + view.getUint16(pos + 2))
    }
  } else if (format === 'png') {
    for (let pos = 8; pos + 12 <= bytes.length; pos += 12 + view.getUint32(pos)) {
      if (hasText(bytes, pos + 4, 'eXIf')) return bytes.subarray(pos + 8, pos + 8 + view.getUint32(pos))
    }
  } else if (format === 'webp') {
    for (let pos = 12; pos + 8 <= bytes.length; pos += 8 + view.getUint32(pos + 4, true) + (view.getUint32(pos + 4, true) & 1)) {
      if (!hasText(bytes, pos, 'EXIF')) continue
      const body = bytes.subarray(pos + 8, pos + 8 + view.getUint32(pos + 4, true))
      return hasText(body, 0, 'Exif\0\0') ? body.subarray(6) : body
    }
  }
  return undefined
}

/** Turns and mirrors an image so that it stands upright. Orientation 1 gives the image itself. */
export function orient(image: Image, orientation: Orientation): Image {
  if (!(orientation >= 1 && orientation <= 8)) throw invalid(`An EXIF orientation is 1 to 8, not ${orientation}.`)
  if (orientation === 1) return image
  const { width: w, height: h, channels, data: from } = image
  const transposed = orientation >= 5
  const width = transposed ? h : w
  const height = transposed ? w : h
  const flipX = orientation === 2 || orientation === 3 || orientation === 7 || orientation === 8
  const flipY = orientation === 3 || orientation === 4 || orientation === 6 || orientation === 7
  const data = new Uint8Array(from.length)
  for (let y = 0, d = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const u = transposed ? y : x
      const v = transposed ? x : y
      const s = ((flipY ? h - 1 - v : v) * w + (flipX ? w - 1 - u : u)) * channels
      for (let c = 0; c < channels; c++) data[d++] = from[s + c]!
    }
  }
  return { width, height, channels, data }
}
