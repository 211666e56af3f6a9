import { toGrey, toRgb } from '../convert.js'
import { crop } from '../crop.js'
import { type Size, shorterSide } from '../geometry.js'
import { resize } from '../resize/resize.js'
import type { Image } from '../types.js'
import type { GeometricFilter } from './affine.js'
import { gaussianBlur } from './blur.js'
import type { Draws } from './draws.js'
import { reflectPad } from './geometric.js'
import { solarize } from './table.js'

const BORDER = 4

/** Grey, solarized at 128, or blurred by a radius of 0.1 to 2: one of the three, equally likely. Specification: training 9. */
export function threeAugment(image: Image, draws: Draws): Image {
  const chosen = draws.choice(3)
  if (chosen === 0) return toRgb(toGrey(image))
  return chosen === 1 ? solarize(image, 128) : gaussianBlur(image, draws.uniform(0.1, 2))
}

/** The other crop of three-augment: shorter side to `size`, four mirrored pixels around, then a crop at random. */
export function paddedCrop(image: Image, size: Size, filter: GeometricFilter, draws: Draws): Image {
  const side = shorterSide(image, Math.min(size.width, size.height))
  const padded = reflectPad(resize(image, side.width, side.height, { filter }), BORDER)
  const top = draws.integer(0, padded.height - size.height)
  return crop(padded, draws.integer(0, padded.width - size.width), top, size.width, size.height)
}
