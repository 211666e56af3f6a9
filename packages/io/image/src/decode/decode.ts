import { toRgb } from '../convert.js'
import { ImageError } from '../errors.js'
import type { Image, Raster } from '../types.js'
import { decodeBmp } from './bmp.js'
import { decodeJpeg } from './jpeg.js'
import type { DecodeOptions } from './options.js'
import { decodePng } from './png.js'
import { decodePnm } from './pnm.js'
import type { Format } from './sniff.js'
import { sniff, sniffOther } from './sniff.js'

type Decode = (bytes: Uint8Array, options: DecodeOptions) => Raster | Promise<Raster>

const DECODERS: Record<Format, Decode> = {
  jpeg: decodeJpeg,
  png: decodePng,
  // Loaded when the first WebP comes, so that nobody else pays for the codec.
  webp: async (bytes, options) => (await import('./webp.js')).decodeWebp(bytes, options),
  bmp: decodeBmp,
  pnm: decodePnm,
}

/**
 * Decodes a file to the pixels it stores, in Pillow's mode for it.
 *
 * @throws ImageError for anything but a whole, valid image of a known format within {@link DecodeOptions.maxPixels}.
 */
export async function decodeRaster(bytes: Uint8Array, options: DecodeOptions = {}): Promise<Raster> {
  const format = sniff(bytes)
  if (format) {
    try {
      return await DECODERS[format](bytes, options)
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause
      throw new ImageError(
        'too-large',
        'There is not enough memory to decode this image. Scale it down first, or set a lower maxPixels.',
        { cause },
      )
    }
  }
  if (bytes.length === 0) throw new ImageError('unknown-format', 'The file is empty. Copy or download it again.')
  const other = sniffOther(bytes)
  if (other)
    throw new ImageError('unsupported', `This is a file of type ${other}. Convert it to JPEG, PNG, WebP, BMP or PPM first.`)
  throw new ImageError(
    'unknown-format',
    `These ${bytes.length} bytes are no JPEG, PNG, WebP, BMP or PPM image. Check that the path or URL leads to an image.`,
  )
}

/**
 * Decodes a JPEG, PNG, WebP, BMP or PBM/PGM/PPM file, recognized by its content, to 8-bit RGB as Pillow's `open(...).convert('RGB')` does: EXIF
 * orientation, colour profiles, gamma and alpha are not applied. The same code runs in Node and in browsers and gives the same pixels.
 * Specification: preprocessing 1.
 *
 * @throws ImageError
 * @example
 * const image = await decodeImage(await readFile('cat.jpg'))
 * console.log(image.width, image.height, image.channels) // 500 375 3
 */
export async function decodeImage(bytes: Uint8Array, options: DecodeOptions = {}): Promise<Image> {
  return toRgb(await decodeRaster(bytes, options))
}
