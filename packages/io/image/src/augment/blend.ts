import { toGrey } from '../convert.js'
import type { Image } from '../types.js'
import { smooth } from './smooth.js'
import { mapBytes } from './table.js'

const f32 = Math.fround

/**
 * Pillow's `Image.blend` of `degenerate` (factor 0) with `original` (factor 1), beyond both where the factor is outside
 * 0..1. In f32, truncated. Specification: preprocessing 5.2.
 */
function blend(degenerate: number, original: number, factor: number): number {
  if (factor === 0) return degenerate
  if (factor === 1) return original
  const value = f32(degenerate + f32(factor * (original - degenerate)))
  return Math.trunc(Math.max(0, Math.min(255, value)))
}

/** Saturation: 0 is grey. */
export function adjustColor(image: Image, factor: number): Image {
  const { data: grey } = toGrey(image)
  const { data } = image
  const [a, out] = [f32(factor), new Uint8Array(data.length)]
  for (let p = 0, i = 0; p < grey.length; p++) for (let end = i + 3; i < end; i++) out[i] = blend(grey[p]!, data[i]!, a)
  return { ...image, data: out }
}

/** 0 is the mean grey everywhere. */
export function adjustContrast(image: Image, factor: number): Image {
  const { data } = toGrey(image)
  let sum = 0
  for (let i = 0; i < data.length; i++) sum += data[i]!
  const mean = Math.trunc(sum / data.length + 0.5)
  return mapBytes(image, (v) => blend(mean, v, f32(factor)))
}

/** 0 is black. */
export const adjustBrightness = (image: Image, factor: number): Image => mapBytes(image, (v) => blend(0, v, f32(factor)))

/** 0 is smoothed, 2 sharpened. */
export function adjustSharpness(image: Image, factor: number): Image {
  const { data: smoothed } = smooth(image)
  const { data } = image
  const [a, out] = [f32(factor), new Uint8Array(data.length)]
  for (let i = 0; i < out.length; i++) out[i] = blend(smoothed[i]!, data[i]!, a)
  return { ...image, data: out }
}
