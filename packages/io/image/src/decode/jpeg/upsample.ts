import type { Frame } from './frame.js'
import type { Plane } from './scan.js'

/** Gives row `y` of a component at the size of the image. The array is used again for the next row. */
export type RowReader = (y: number) => Uint8ClampedArray

/**
 * Chroma at full size: libjpeg's "fancy" triangle filter for half size (specification: preprocessing 1.3), repetition for other ratios
 * and for components of one or two samples a row.
 */
export function rowReader(frame: Frame, { component, samples }: Plane): RowReader {
  const { stride, width, height } = component
  const xRatio = frame.maxH / component.h
  const yRatio = frame.maxV / component.v
  const row = (y: number) => samples.subarray(y * stride, y * stride + stride)
  if (xRatio === 1 && yRatio === 1) return row

  const clampRow = (y: number) => row(Math.min(Math.max(y, 0), height - 1))
  /** The nearer row and the other neighbour of output row `y` at half height. */
  const neighbours = (y: number) => [row(y >> 1), clampRow((y >> 1) + (y & 1 ? 1 : -1))] as const
  const out = new Uint8ClampedArray(frame.mcusWide * frame.maxH * 8)
  if (xRatio === 2 && yRatio === 1 && width > 2) {
    return (y) => widen(row(y), width, 1, 2, 2, out)
  }
  if (xRatio === 2 && yRatio === 2 && width > 2) {
    const sums = new Int32Array(width)
    return (y) => {
      const [near, far] = neighbours(y)
      for (let x = 0; x < width; x++) sums[x] = 3 * near[x]! + far[x]!
      return widen(sums, width, 8, 7, 4, out)
    }
  }
  if (xRatio === 1 && yRatio === 2) {
    return (y) => {
      const [near, far] = neighbours(y)
      const bias = y & 1 ? 2 : 1
      for (let x = 0; x < width; x++) out[x] = (3 * near[x]! + far[x]! + bias) >> 2
      return out
    }
  }
  return (y) => {
    const from = row(Math.floor(y / yRatio))
    for (let x = 0, d = 0; x < width; x++) for (let r = 0; r < xRatio; r++) out[d++] = from[x]!
    return out
  }
}

/** Doubles a row: each output is three parts of its sample and one of the neighbour on its side, `shift` bits rounded away. */
function widen(
  from: Int32Array | Uint8ClampedArray,
  width: number,
  leftBias: number,
  rightBias: number,
  shift: number,
  out: Uint8ClampedArray,
): Uint8ClampedArray {
  for (let x = 0; x < width; x++) {
    const three = 3 * from[x]!
    const left = x > 0 ? from[x - 1]! : from[x]!
    const right = x < width - 1 ? from[x + 1]! : from[x]!
    out[2 * x] = (three + left + leftBias) >> shift
    out[2 * x + 1] = (three + right + rightBias) >> shift
  }
  return out
}
