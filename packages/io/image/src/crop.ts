import { invalid } from './errors.js'
import type { Image } from './types.js'

/**
 * Cuts a rectangle out, as a copy. Where it lies outside the image the pixels are `fill`, one byte a channel, default 0.
 *
 * @throws ImageError `argument` when the rectangle is empty or not whole.
 */
export function crop(image: Image, left: number, top: number, width: number, height: number, fill?: readonly number[]): Image {
  if (![left, top, width, height].every(Number.isInteger) || width < 1 || height < 1) {
    throw invalid(`The rectangle of ${width} x ${height} at (${left}, ${top}) is empty or not in whole pixels.`)
  }
  const { channels, data } = image
  const out = new Uint8Array(width * height * channels)
  const x0 = Math.max(0, left)
  const x1 = Math.min(image.width, left + width)
  const padded = left < 0 || top < 0 || left + width > image.width || top + height > image.height
  if (padded && fill) for (let i = 0; i < out.length; i++) out[i] = fill[i % channels]!
  for (let y = Math.max(0, top); x0 < x1 && y < Math.min(image.height, top + height); y++) {
    const row = data.subarray((y * image.width + x0) * channels, (y * image.width + x1) * channels)
    out.set(row, ((y - top) * width + x0 - left) * channels)
  }
  return { width, height, channels, data: out }
}
