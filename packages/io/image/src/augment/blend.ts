import { toGrey } from '../convert.js'
import type { Image } from '../types.js'
import { smooth } from './smooth.js'

const f32 = Math.fround

/**
 * Pillow's `Image.blend` of `degenerate` (factor 0) with `original` (factor 1), beyond both where the factor is outside
 * 0..1. In f32, truncated. Specification: preprocessing 5.2.
 */
function blend(degenerate: (i: number) => number, original: Image, factor: number): Image {
  const { data, ...shape } = original
  const a = f32(factor)
  // Clipping changes nothing for factors within 0..1.
  const out = new Uint8ClampedArray(data.length)
  for (let i = 0; i < out.length; i++) {
    const d = degenerate(i)
    out[i] = a === 0 ? d : a === 1 ? data[i]! : Math.trunc(f32(d + f32(a * (data[i]! - d))))
  }
  return { ...shape, data: new Uint8Array(out.buffer) }
}

/** Saturation: 0 is grey. */
export function adjustColor(image: Image, factor: number): Image {
  const { data } = toGrey(image)
  return blend((i) => data[Math.trunc(i / 3)]!, image, factor)
}

/** 0 is the mean grey everywhere. */
export function adjustContrast(image: Image, factor: number): Image {
  const { data } = toGrey(image)
  let sum = 0
  for (const v of data) sum += v
  const mean = Math.trunc(sum / data.length + 0.5)
  return blend(() => mean, image, factor)
}

/** 0 is black. */
export const adjustBrightness = (image: Image, factor: number): Image => blend(() => 0, image, factor)

/** 0 is smoothed, 2 sharpened. */
export function adjustSharpness(image: Image, factor: number): Image {
  const { data } = smooth(image)
  return blend((i) => data[i]!, image, factor)
}
