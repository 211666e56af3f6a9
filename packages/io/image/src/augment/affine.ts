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
  for (let i = 0; i < out.length; i++) out[i] = fill[i % channels] ?? 0
  const sample = filter === 'bilinear' ? bilinear : bicubic
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += channels) {
      const sx = a * (x + 0.5) + b * (y + 0.5) + c
      const sy = d * (x + 0.5) + e * (y + 0.5) + f
      if (sx >= 0 && sx < width && sy >= 0 && sy < height) sample(image, sx - 0.5, sy - 0.5, out, at)
    }
  }
  return { width, height, channels, data: new Uint8Array(out.buffer) }
}

const clip = (i: number, last: number): number => Math.max(0, Math.min(i, last))

function bilinear({ width, height, channels, data }: Image, sx: number, sy: number, out: Uint8ClampedArray, at: number): void {
  const x = Math.floor(sx)
  const y = Math.floor(sy)
  const u = sx - x
  const v = sy - y
  const left = clip(x, width - 1) * channels
  const right = clip(x + 1, width - 1) * channels
  const upper = clip(y, height - 1) * width * channels
  const inside = y + 1 >= 0 && y + 1 < height
  const lower = (y + 1) * width * channels
  for (let c = 0; c < channels; c++) {
    const p = data[upper + left + c]!
    const first = p + (data[upper + right + c]! - p) * u
    const q = inside ? data[lower + left + c]! : 0
    const second = inside ? q + (data[lower + right + c]! - q) * u : first
    out[at + c] = Math.trunc(first + (second - first) * v)
  }
}

const columns = [0, 0, 0, 0]

function bicubic({ width, height, channels, data }: Image, sx: number, sy: number, out: Uint8ClampedArray, at: number): void {
  const x = Math.floor(sx)
  const y = Math.floor(sy)
  const u = sx - x
  const v = sy - y
  for (let i = 0; i < 4; i++) columns[i] = clip(x - 1 + i, width - 1) * channels
  const [c0, c1, c2, c3] = columns as [number, number, number, number]
  for (let c = 0; c < channels; c++) {
    const along = (row: number): number => {
      const start = row * width * channels + c
      return cubic(data[start + c0]!, data[start + c1]!, data[start + c2]!, data[start + c3]!, u)
    }
    const r0 = along(clip(y - 1, height - 1))
    // A row outside the image repeats the value of the row before it.
    const r1 = y >= 0 && y < height ? along(y) : r0
    const r2 = y + 1 >= 0 && y + 1 < height ? along(y + 1) : r1
    const r3 = y + 2 >= 0 && y + 2 < height ? along(y + 2) : r2
    out[at + c] = Math.trunc(cubic(r0, r1, r2, r3, v))
  }
}

function cubic(a: number, b: number, c: number, d: number, t: number): number {
  const p2 = c - a
  const p3 = 2 * (a - b) + c - d
  const p4 = b - a - c + d
  return b + t * (p2 + t * (p3 + t * p4))
}
