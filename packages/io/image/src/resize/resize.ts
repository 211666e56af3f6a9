import { mulDiv255 } from '../convert.js'
import { crop } from '../crop.js'
import { invalid } from '../errors.js'
import type { Image } from '../types.js'
import { coefficients } from './coefficients.js'
import type { FilterName } from './filters.js'
import { FILTERS } from './filters.js'
import { nearest } from './nearest.js'
import { horizontalPass, verticalPass } from './passes.js'

/** Left, top, right, bottom; right and bottom are exclusive. */
export type Box = readonly [left: number, top: number, right: number, bottom: number]

export interface ResizeOptions {
  /** Default `bicubic`, Pillow's own. */
  readonly filter?: FilterName
  /** Part of the image to take, in pixels, fractions allowed (f32). Default: all of it. Pixels outside still weigh in at its edge. */
  readonly box?: Box
  /** Part of the result to compute, in whole pixels: the same bytes as cropping afterwards, without the work. Default: all of it. */
  readonly window?: Box
}

/**
 * Resizes as Pillow's `Image.resize` does, byte for byte: two passes in fixed point, horizontal first, antialiased when shrinking. Images of two
 * and four channels are weighted with their alpha. Specification: preprocessing 2.
 *
 * @throws ImageError `argument` for sizes, boxes or windows that do not fit.
 * @example
 * const small = resize(image, 341, 256, { filter: 'bicubic' })
 */
export function resize(image: Image, width: number, height: number, options: ResizeOptions = {}): Image {
  const { filter = 'bicubic' } = options
  const box = (options.box ?? [0, 0, image.width, image.height]).map(Math.fround) as unknown as Box
  const window = options.window ?? [0, 0, width, height]
  check(image, width, height, filter, box, window)

  const wholeX = width === image.width && box[0] === 0 && box[2] === width
  const wholeY = height === image.height && box[1] === 0 && box[3] === height
  if (wholeX && wholeY) return crop(image, window[0], window[1], window[2] - window[0], window[3] - window[1])
  if (filter === 'nearest') return nearest(image, width, height, box, window)

  const { channels } = image
  const alpha = channels === 2 || channels === 4
  const source = alpha ? premultiply(image) : image.data
  const kernel = FILTERS[filter]
  const columns = wholeX ? undefined : coefficients(kernel, image.width, width, box[0], box[2], window[0], window[2])
  const rows = wholeY ? undefined : coefficients(kernel, image.height, height, box[1], box[3], window[1], window[3])

  // Rows of the image that the vertical pass will read.
  let top = window[1]
  let bottom = window[3]
  if (rows) {
    const last = rows.first.length - 1
    top = rows.first[0]!
    bottom = rows.first[last]! + rows.start[last + 1]! - rows.start[last]!
  }
  const outWidth = window[2] - window[0]
  const strip = columns
    ? horizontalPass(source, image.width, channels, top, bottom - top, columns)
    : crop({ ...image, data: source }, window[0], top, outWidth, bottom - top).data
  const result = rows ? verticalPass(strip, outWidth * channels, top, rows) : strip
  const data = new Uint8Array(result.buffer, result.byteOffset, result.length)
  if (alpha) unpremultiply(data, channels)
  return { width: outWidth, height: window[3] - window[1], channels, data }
}

function check(image: Image, width: number, height: number, filter: FilterName, box: Box, window: Box): void {
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1) {
    throw invalid(`An image cannot be resized to ${width} x ${height}. Give whole numbers of pixels, at least 1.`)
  }
  if (filter !== 'nearest' && !Object.hasOwn(FILTERS, filter)) {
    throw invalid(`There is no filter ${JSON.stringify(filter)}. Choose nearest, ${Object.keys(FILTERS).join(', ')}.`)
  }
  if (!inside(box, image.width, image.height)) {
    throw invalid(`The box ${box.join(', ')} is empty or not inside the image of ${image.width} x ${image.height}.`)
  }
  if (!window.every(Number.isInteger) || !inside(window, width, height)) {
    throw invalid(`The window ${window.join(', ')} is empty, not whole or not inside the result of ${width} x ${height}.`)
  }
}

function inside([left, top, right, bottom]: Box, width: number, height: number): boolean {
  return left >= 0 && top >= 0 && left < right && top < bottom && right <= width && bottom <= height
}

/** Colour times alpha, so that transparent pixels do not bleed. */
function premultiply({ data, channels }: Image): Uint8Array {
  const out = new Uint8Array(data.length)
  for (let i = 0; i < data.length; i += channels) {
    const alpha = data[i + channels - 1]!
    for (let c = 0; c < channels - 1; c++) out[i + c] = mulDiv255(data[i + c]!, alpha)
    out[i + channels - 1] = alpha
  }
  return out
}

function unpremultiply(data: Uint8Array, channels: number): void {
  for (let i = 0; i < data.length; i += channels) {
    const alpha = data[i + channels - 1]!
    if (alpha === 0 || alpha === 255) continue
    for (let c = 0; c < channels - 1; c++) data[i + c] = Math.min(255, Math.floor((255 * data[i + c]!) / alpha))
  }
}
