import type { Frame } from './frame.js'
import type { Plane } from './scan.js'

/** Gives row `y` of a component at the size of the image, where pixels are needed. The array is used again for the next row. */
export type RowReader = (y: number) => Uint8ClampedArray

/**
 * Chroma at full size: libjpeg's "fancy" triangle filter for half size (specification: preprocessing 1.3), repetition for other ratios
 * and for components of one or two samples a row.
 */
export function rowReader(frame: Frame, { component, samples }: Plane): RowReader {
  const { stride, width, height, needed } = component
  const { left, right } = needed
  const xRatio = frame.maxH / component.h
  const yRatio = frame.maxV / component.v
  const row = (y: number) => samples.subarray(y * stride, y * stride + stride)
  if (xRatio === 1 && yRatio === 1) return row

  const clampRow = (y: number) => row(Math.min(Math.max(y, 0), height - 1))
  /** The nearer row and the other neighbour of output row `y` at half height. */
  const neighbours = (y: number) => [row(y >> 1), clampRow((y >> 1) + (y & 1 ? 1 : -1))] as const
  const out = new Uint8ClampedArray(frame.mcusWide * frame.maxH * 8)
  if (xRatio === 2 && yRatio === 1 && width > 2) {
    return (y) => widen(row(y), width, left, right, 1, 2, 2, out)
  }
  if (xRatio === 2 && yRatio === 2 && width > 2) {
    const sums = new Int32Array(width)
    return (y) => {
      const [near, far] = neighbours(y)
      for (let x = left; x < right; x++) sums[x] = 3 * near[x]! + far[x]!
      return widen(sums, width, left, right, 8, 7, 4, out)
    }
  }
  if (xRatio === 1 && yRatio === 2) {
    return (y) => {
      const [near, far] = neighbours(y)
      const bias = y & 1 ? 2 : 1
      for (let x = left; x < right; x++) out[x] = (3 * near[x]! + far[x]! + bias) >> 2
      return out
    }
  }
  return (y) => {
    const from = row(Math.floor(y / yRatio))
    for (let x = 0, d = 0; x < width; x++) for (let r = 0; r < xRatio; r++) out[d++] = from[x]!
    return out
  }
}

/**
 * Doubles the samples `first` to `end` of a row: each output is three parts of its sample and one of the neighbour on its side, `shift` bits
 * rounded away. The outermost are right only at the ends of the row, as their neighbours are not needed.
 */
function widen(
  from: Int32Array | Uint8ClampedArray,
  width: number,
  first: number,
  end: number,
  leftBias: number,
  rightBias: number,
  shift: number,
  out: Uint8ClampedArray,
): Uint8ClampedArray {
  for (let x = first; x < end; x++) {
    const three = 3 * from[x]!
    const left = x > 0 ? from[x - 1]! : from[x]!
    const right = x < width - 1 ? from[x + 1]! : from[x]!
    out[2 * x] = (three + left + leftBias) >> shift
    out[2 * x + 1] = (three + right + rightBias) >> shift
  }
  return out
}
