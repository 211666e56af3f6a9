import { crop } from '../crop.js'
import { type Rectangle, roundHalfEven, type Size } from '../geometry.js'
import { resize } from '../resize/resize.js'
import type { Image } from '../types.js'
import type { GeometricFilter } from './affine.js'
import type { Draws } from './draws.js'

export interface CropConfig {
  /** Part of the area that the rectangle takes. Default [0.08, 1]. */
  readonly scale?: readonly [number, number]
  /** Width over height of the rectangle. Default [3/4, 4/3]. */
  readonly ratio?: readonly [number, number]
}

const ATTEMPTS = 10

/**
 * The rectangle of a random resized crop: up to ten draws of area and ratio, then the largest central rectangle whose
 * ratio is allowed. Specification: preprocessing 6.
 */
export function randomRectangle(
  { width, height }: Size,
  draws: Draws,
  { scale = [0.08, 1], ratio = [3 / 4, 4 / 3] }: CropConfig = {},
): Rectangle {
  const logRatio = [Math.log(ratio[0]), Math.log(ratio[1])] as const
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const area = draws.uniform(...scale) * (width * height)
    const aspect = Math.exp(draws.uniform(...logRatio))
    const w = roundHalfEven(Math.sqrt(area * aspect))
    const h = roundHalfEven(Math.sqrt(area / aspect))
    if (w > width || h > height || w < 1 || h < 1) continue
    const top = draws.integer(0, height - h)
    return { top, left: draws.integer(0, width - w), width: w, height: h }
  }
  const own = width / height
  const w = own > ratio[1] ? roundHalfEven(height * ratio[1]) : width
  const h = own < ratio[0] ? roundHalfEven(width / ratio[0]) : height
  return { left: Math.floor((width - w) / 2), top: Math.floor((height - h) / 2), width: w, height: h }
}

/** Cuts the rectangle out, then resizes: the filter never sees pixels outside it. */
export function resizedCrop(image: Image, { left, top, width, height }: Rectangle, size: Size, filter: GeometricFilter): Image {
  return resize(crop(image, left, top, width, height), size.width, size.height, { filter })
}
