import { corrupt, ImageError } from '../errors.js'
import type { Rectangle, Size } from '../geometry.js'

export interface DecodeOptions {
  /**
   * Largest `width * height` that is decoded. Default 178,956,970, where Pillow refuses a file as a decompression bomb.
   * The declared size is compared before anything of that size is allocated.
   */
  readonly maxPixels?: number
  /**
   * 16-bit grey. `high-byte` (default) keeps the picture, as other 16-bit images do. `clip` turns every value above 255 into 255, which is what
   * Pillow's `convert('RGB')` makes of such files in most of its releases (seen with 9.4 and 12.3).
   */
  readonly grey16?: 'high-byte' | 'clip'
  /**
   * Called once by the JPEG decoder, with the size of the image: which part of it is needed, in whole pixels. The image
   * keeps its size, and what its pixels outside of that part are is left open, so that they need not be computed.
   * Decoders of other formats do not ask and decode everything.
   */
  readonly window?: (size: Size) => Rectangle | undefined
}

export const DEFAULT_MAX_PIXELS = 178_956_970

/** Resize boxes are f32, which counts pixels exactly up to here. */
const MAX_SIDE = 2 ** 24

/** Refuses an empty or oversized declared size. */
export function checkSize(format: string, width: number, height: number, options: DecodeOptions): void {
  if (!(width > 0 && height > 0)) throw corrupt(format, `its size is ${width} x ${height}`)
  const limit = options.maxPixels ?? DEFAULT_MAX_PIXELS
  if (width * height > limit || Math.max(width, height) > MAX_SIDE) {
    throw new ImageError(
      'too-large',
      `${format} declares ${width} x ${height} pixels, over the limit of ${limit} pixels and ${MAX_SIDE} a side. Scale the image down, or raise maxPixels if you trust its source.`,
    )
  }
}
