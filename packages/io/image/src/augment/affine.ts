import type { Image } from '../types.js'

/** Output pixel (x, y) reads the source at (a x + b y + c, d x + e y + f), coordinates at the centres of pixels. */
export type Matrix = readonly [a: number, b: number, c: number, d: number, e: number, f: number]

export type GeometricFilter = 'bilinear' | 'bicubic'

export interface GeometricOptions {
  /** Default `bilinear`. */
  readonly filter?: GeometricFilter
  /** Colour of what comes from outside, one byte a channel. Default black. */
  readonly fill?: readonly number[]
}

/**
 * Pillow's `Image.transform` with an affine matrix: no antialiasing, results truncated, cubic convolution with a = -1.
 * The order of operations is Pillow's too: a value that is whole in exact arithmetic may come out one lower.
 * Specification: preprocessing 5.3.
 */
export function affine(image: Image, matrix: Matrix, { filter = 'bilinear', fill = [] }: GeometricOptions = {}): Image {
  const { width, height, channels } = image
  const [a, b, c, d, e, f] = matrix
  const out = new Uint8ClampedArray(width * height * channels)
  const sampler = filter === 'bilinear' ? bilinear(image, out) : bicubic(image, out)
  for (let y = 0, at = 0; y < height; y++) {
    const [rowX, rowY] = [b * (y + 0.5), e * (y + 0.5)]
    for (let x = 0; x < width; x++, at += channels) {
      const sx = a * (x + 0.5) + rowX + c
      const sy = d * (x + 0.5) + rowY + f
      if (sx >= 0 && sx < width && sy >= 0 && sy < height) sampler(sx - 0.5, sy - 0.5, at)
      else for (let k = 0; k < channels; k++) out[at + k] = fill[k] ?? 0
    }
  }
  return { width, height, channels, data: new Uint8Array(out.buffer) }
}

/** Writes the value at a point of the source to a pixel of the result. */
type Sampler = (sx: number, sy: number, at: number) => void

const clip = (i: number, last: number): number => (i < 0 ? 0 : Math.min(i, last))

function bilinear({ width, height, channels, data }: Image, out: Uint8ClampedArray): Sampler {
  return (sx, sy, at) => {
    const x = Math.floor(sx)
    const y = Math.floor(sy)
    const u = sx - x
    const v = sy - y
    const left = clip(x, width - 1) * channels
    const right = clip(x + 1, width - 1) * channels
    const upper = clip(y, height - 1) * width * channels
    // A row outside the image repeats the value of the row before it.
    const lower = y + 1 < height ? (y + 1) * width * channels : upper
    for (let c = 0; c < channels; c++) {
      const p = data[upper + left + c]!
      const q = data[lower + left + c]!
      const first = p + (data[upper + right + c]! - p) * u
      const second = q + (data[lower + right + c]! - q) * u
      out[at + c] = Math.floor(first + (second - first) * v)
    }
  }
}

function bicubic({ width, height, channels, data }: Image, out: Uint8ClampedArray): Sampler {
  return (sx, sy, at) => {
    const x = Math.floor(sx)
    const y = Math.floor(sy)
    const u = sx - x
    const v = sy - y
    const x0 = clip(x - 1, width - 1) * channels
    const x1 = clip(x, width - 1) * channels
    const x2 = clip(x + 1, width - 1) * channels
    const x3 = clip(x + 2, width - 1) * channels
    const row = width * channels
    const y0 = clip(y - 1, height - 1) * row
    // A row outside the image repeats the value of the row before it.
    const y1 = y >= 0 ? y * row : y0
    const y2 = y + 1 < height ? (y + 1) * row : y1
    const y3 = y + 2 < height ? (y + 2) * row : y2
    for (let c = 0; c < channels; c++) {
      const value = cubic(
        cubic(data[y0 + x0 + c]!, data[y0 + x1 + c]!, data[y0 + x2 + c]!, data[y0 + x3 + c]!, u),
        cubic(data[y1 + x0 + c]!, data[y1 + x1 + c]!, data[y1 + x2 + c]!, data[y1 + x3 + c]!, u),
        cubic(data[y2 + x0 + c]!, data[y2 + x1 + c]!, data[y2 + x2 + c]!, data[y2 + x3 + c]!, u),
        cubic(data[y3 + x0 + c]!, data[y3 + x1 + c]!, data[y3 + x2 + c]!, data[y3 + x3 + c]!, u),
        v,
      )
      out[at + c] = value <= 0 ? 0 : Math.floor(value)
    }
  }
}

function cubic(a: number, b: number, c: number, d: number, t: number): number {
  const p2 = c - a
  const p3 = 2 * (a - b) + c - d
  const p4 = b - a - c + d
  return b + t * (p2 + t * (p3 + t * p4))
}
