import { invalid } from '../errors.js'
import { orient } from '../orientation.js'
import type { Image } from '../types.js'
import { affine, type GeometricOptions } from './affine.js'

/** Shifts row by row, `factor` pixels for each row. */
export const shearX = (image: Image, factor: number, options?: GeometricOptions): Image =>
  affine(image, [1, factor, 0, 0, 1, 0], options)

/** Shifts column by column, `factor` pixels for each column. */
export const shearY = (image: Image, factor: number, options?: GeometricOptions): Image =>
  affine(image, [1, 0, 0, factor, 1, 0], options)

/** Shifts to the left by `pixels`. */
export const translateX = (image: Image, pixels: number, options?: GeometricOptions): Image =>
  affine(image, [1, 0, pixels, 0, 1, 0], options)

/** Shifts upwards by `pixels`. */
export const translateY = (image: Image, pixels: number, options?: GeometricOptions): Image =>
  affine(image, [1, 0, 0, 0, 1, pixels], options)

/**
 * Turns counter-clockwise around the centre, keeping the size. Half turns, and quarter turns of square images, are exact.
 * Specification: preprocessing 5.3.
 */
export function rotate(image: Image, degrees: number, options?: GeometricOptions): Image {
  const { width, height } = image
  const remainder = degrees % 360
  const angle = remainder < 0 ? remainder + 360 : remainder
  if (angle === 0) return image
  if (angle === 180) return orient(image, 3)
  if (width === height && angle === 90) return orient(image, 8)
  if (width === height && angle === 270) return orient(image, 6)
  const radians = -(angle * (Math.PI / 180))
  const cos = to15Decimals(Math.cos(radians))
  const sin = to15Decimals(Math.sin(radians))
  const [x, y] = [width / 2, height / 2]
  const c = cos * -x + sin * -y + x
  const f = -sin * -x + cos * -y + y
  return affine(image, [cos, sin, c, -sin, cos, f], options)
}

/** As Python's `round(value, 15)`; it also hides the last bit, in which engines differ. */
const to15Decimals = (value: number): number => Number(value.toFixed(15))

export const horizontalFlip = (image: Image): Image => orient(image, 2)

/**
 * Adds `border` pixels on every side by mirroring, the edge pixels not repeated.
 *
 * @throws ImageError `argument` when the image has no more than `border` pixels in a direction.
 */
export function reflectPad({ width, height, channels, data }: Image, border: number): Image {
  if (Math.min(width, height) <= border)
    throw invalid(`An image of ${width} x ${height} cannot be mirrored by ${border} pixels. Give one with longer sides.`)
  const mirror = (i: number, size: number): number => (i < 0 ? -i : i >= size ? 2 * size - 2 - i : i)
  const [outWidth, outHeight] = [width + 2 * border, height + 2 * border]
  const out = new Uint8Array(outWidth * outHeight * channels)
  for (let y = 0, d = 0; y < outHeight; y++) {
    const row = mirror(y - border, height) * width
    for (let x = 0; x < outWidth; x++, d += channels) {
      const s = (row + mirror(x - border, width)) * channels
      for (let c = 0; c < channels; c++) out[d + c] = data[s + c]!
    }
  }
  return { width: outWidth, height: outHeight, channels, data: out }
}
