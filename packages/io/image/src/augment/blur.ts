import type { Image } from '../types.js'

const f32 = Math.fround
const PASSES = 3

/**
 * Pillow's Gaussian blur of the given radius (standard deviation, in pixels): three box blurs along each axis, after
 * Gwosdek et al., "Theoretical foundations of Gaussian convolution by extended box filtering", SSVM 2011. Specification:
 * preprocessing 5.4.
 */
export function gaussianBlur(image: Image, radius: number): Image {
  const box = boxRadius(f32(radius))
  if (box === 0) return image
  const { width, height, channels } = image
  let data: Uint8Array = image.data.slice()
  for (let pass = 0; pass < PASSES; pass++) data = boxBlur(data, box, width, channels, height, width * channels, channels)
  for (let pass = 0; pass < PASSES; pass++) data = boxBlur(data, box, height, width * channels, width, channels, channels)
  return { width, height, channels, data }
}

/** Radius of the box, whole part and fraction, all in f32. */
function boxRadius(radius: number): number {
  const variance = f32(f32(radius * radius) / PASSES)
  const whole = Math.floor((f32(Math.sqrt(12 * variance + 1)) - 1) / 2)
  const above = (2 * whole + 1) * f32(whole * (whole + 1) - f32(3 * variance))
  const below = f32(6 * f32(variance - (whole + 1) * (whole + 1)))
  return f32(whole + f32(f32(above) / below))
}

/**
 * One box blur along lines of `length` pixels that are `step` bytes apart; there are `lines` lines, `lineStep` bytes
 * apart. Weights are fractions of 2^24; beyond an end its pixel is repeated.
 */
function boxBlur(
  data: Uint8Array,
  box: number,
  length: number,
  step: number,
  lines: number,
  lineStep: number,
  channels: number,
): Uint8Array {
  const reach = Math.trunc(box)
  const inner = Math.trunc(2 ** 24 / f32(f32(box * 2) + 1))
  const outer = Math.floor((2 ** 24 - (2 * reach + 1) * inner) / 2)
  const out = new Uint8Array(data.length)
  const last = length - 1
  for (let line = 0; line < lines; line++) {
    for (let c = 0; c < channels; c++) {
      const start = line * lineStep + c
      const at = (i: number): number => data[start + Math.max(0, Math.min(i, last)) * step]!
      let sum = 0
      for (let i = -reach; i <= reach; i++) sum += at(i)
      for (let i = 0; i < length; i++) {
        out[start + i * step] = (inner * sum + outer * (at(i - reach - 1) + at(i + reach + 1)) + 2 ** 23) / 2 ** 24
        sum += at(i + reach + 1) - at(i - reach)
      }
    }
  }
  return out
}
