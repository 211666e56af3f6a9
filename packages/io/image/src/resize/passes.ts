import type { Coefficients } from './coefficients.js'
import { PRECISION_BITS } from './coefficients.js'

const HALF = 1 << (PRECISION_BITS - 1)

/**
 * Resamples rows `top` to `top + rows` of `input` along x. The result clips: `Uint8ClampedArray` is the `clip` of the specification.
 */
export function horizontalPass(
  input: Uint8Array,
  inWidth: number,
  channels: number,
  top: number,
  rows: number,
  { first, start, weights }: Coefficients,
): Uint8ClampedArray {
  const width = first.length
  const out = new Uint8ClampedArray(rows * width * channels)
  const rgb = channels === 3
  for (let y = 0, d = 0; y < rows; y++) {
    const row = (top + y) * inWidth * channels
    for (let x = 0; x < width; x++) {
      const from = row + first[x]! * channels
      const begin = start[x]!
      const end = start[x + 1]!
      if (rgb) {
        let r = HALF
        let g = HALF
        let b = HALF
        for (let k = begin, i = from; k < end; k++, i += 3) {
          const w = weights[k]!
          r = (r + Math.imul(w, input[i]!)) | 0
          g = (g + Math.imul(w, input[i + 1]!)) | 0
          b = (b + Math.imul(w, input[i + 2]!)) | 0
        }
        out[d] = r >> PRECISION_BITS
        out[d + 1] = g >> PRECISION_BITS
        out[d + 2] = b >> PRECISION_BITS
        d += 3
      } else {
        for (let c = 0; c < channels; c++) {
          let sum = HALF
          for (let k = begin, i = from + c; k < end; k++, i += channels) sum = (sum + Math.imul(weights[k]!, input[i]!)) | 0
          out[d++] = sum >> PRECISION_BITS
        }
      }
    }
  }
  return out
}

/** Resamples along y. `input` holds rows of `rowLength` bytes, its first being row `top` of the image. */
export function verticalPass(
  input: Uint8Array | Uint8ClampedArray,
  rowLength: number,
  top: number,
  { first, start, weights }: Coefficients,
): Uint8ClampedArray {
  const height = first.length
  const out = new Uint8ClampedArray(height * rowLength)
  const sums = new Int32Array(rowLength)
  for (let y = 0; y < height; y++) {
    sums.fill(HALF)
    let from = (first[y]! - top) * rowLength
    const end = start[y + 1]!
    let k = start[y]!
    // Two rows a turn halve the traffic on the sums.
    for (; k + 1 < end; k += 2, from += 2 * rowLength) {
      const w0 = weights[k]!
      const w1 = weights[k + 1]!
      for (let x = 0, i = from, j = from + rowLength; x < rowLength; x++, i++, j++) {
        sums[x] = (sums[x]! + Math.imul(w0, input[i]!) + Math.imul(w1, input[j]!)) | 0
      }
    }
    if (k < end) {
      const w = weights[k]!
      for (let x = 0, i = from; x < rowLength; x++, i++) sums[x] = (sums[x]! + Math.imul(w, input[i]!)) | 0
    }
    for (let x = 0, d = y * rowLength; x < rowLength; x++, d++) out[d] = sums[x]! >> PRECISION_BITS
  }
  return out
}
