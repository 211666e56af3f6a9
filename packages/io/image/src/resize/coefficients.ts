import type { Filter } from './filters.js'

/** Fraction bits of a weight. Eight bits of pixel and two of overshoot above them fill an int32. */
export const PRECISION_BITS = 22

/** Weights of consecutive outputs, packed. */
export interface Coefficients {
  /** For each output, its first input. */
  readonly first: Int32Array
  /** For each output, where its weights begin; one more entry ends the last. */
  readonly start: Int32Array
  /** Weights times 2^22. */
  readonly weights: Int32Array
}

/**
 * Weights of outputs `from` up to `to` (exclusive), when `inSize` pixels, of which the interval `b0` to `b1` counts, become `outSize`.
 * Shrinking widens the filter, which is the antialiasing. Specification: preprocessing 2.
 */
export function coefficients(
  filter: Filter,
  inSize: number,
  outSize: number,
  b0: number,
  b1: number,
  from = 0,
  to = outSize,
): Coefficients {
  const scale = Math.fround(b1 - b0) / outSize
  const filterScale = Math.max(scale, 1)
  const reach = filter.support * filterScale
  const step = 1 / filterScale
  const count = to - from
  const first = new Int32Array(count)
  const start = new Int32Array(count + 1)
  const bounds = (i: number): [centre: number, lo: number, hi: number] => {
    const centre = b0 + (i + 0.5) * scale
    return [centre, Math.max(0, Math.trunc(centre - reach + 0.5)), Math.min(inSize, Math.trunc(centre + reach + 0.5))]
  }
  for (let n = 0; n < count; n++) {
    const [, lo, hi] = bounds(from + n)
    first[n] = lo
    start[n + 1] = start[n]! + hi - lo
  }
  const weights = new Int32Array(start[count]!)
  const exact = new Float64Array(Math.min(inSize, Math.ceil(2 * reach) + 2))
  for (let n = 0; n < count; n++) {
    const [centre, lo, hi] = bounds(from + n)
    let sum = 0
    for (let j = lo; j < hi; j++) sum += exact[j - lo] = filter.weight((j - centre + 0.5) * step)
    for (let j = 0, at = start[n]!; j < hi - lo; j++, at++) {
      const scaled = (sum === 0 ? exact[j]! : exact[j]! / sum) * 2 ** PRECISION_BITS
      weights[at] = Math.trunc(scaled < 0 ? scaled - 0.5 : scaled + 0.5)
    }
  }
  return { first, start, weights }
}
