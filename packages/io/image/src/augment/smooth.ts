import type { Image } from '../types.js'

const f32 = Math.fround
const EDGE = f32(1 / 13)
const CENTRE = f32(5 / 13)

/**
 * Pillow's `SMOOTH` filter, 1 1 1 / 1 5 1 / 1 1 1 over 13, in f32 with its order of sums; the border of one pixel is
 * copied. Specification: preprocessing 5.2.
 */
export function smooth({ width, height, channels, data }: Image): Image {
  const out = data.slice()
  const row = width * channels
  for (let y = 1; y < height - 1; y++) {
    for (let i = y * row + channels; i < (y + 1) * row - channels; i++) {
      const below = weigh(data[i + row - channels]!, data[i + row]!, data[i + row + channels]!, EDGE)
      const here = weigh(data[i - channels]!, data[i]!, data[i + channels]!, CENTRE)
      const above = weigh(data[i - row - channels]!, data[i - row]!, data[i - row + channels]!, EDGE)
      const sum = f32(f32(f32(0.5 + below) + here) + above)
      out[i] = sum >= 255 ? 255 : Math.trunc(sum)
    }
  }
  return { width, height, channels, data: out }
}

const weigh = (left: number, middle: number, right: number, weight: number): number =>
  f32(f32(f32(left * EDGE) + f32(middle * weight)) + f32(right * EDGE))
