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
  // Each row is needed by three others: its sums for the middle and for the edges are kept.
  const rowSums = (y: number, weight: number): Float32Array => {
    const sums = new Float32Array(row)
    for (let x = channels, i = y * row + channels; x < row - channels; x++, i++)
      sums[x] = f32(f32(data[i - channels]! * EDGE) + f32(data[i]! * weight)) + f32(data[i + channels]! * EDGE)
    return sums
  }
  if (height < 3 || width < 3) return { width, height, channels, data: out }
  let above = rowSums(0, EDGE)
  let asEdge = rowSums(1, EDGE)
  for (let y = 1; y < height - 1; y++) {
    const middle = rowSums(y, CENTRE)
    const below = rowSums(y + 1, EDGE)
    for (let x = channels, i = y * row + channels; x < row - channels; x++, i++) {
      const sum = f32(f32(f32(0.5 + below[x]!) + middle[x]!) + above[x]!)
      out[i] = Math.min(255, sum)
    }
    above = asEdge
    asEdge = below
  }
  return { width, height, channels, data: out }
}
