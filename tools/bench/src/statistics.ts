/** What a list of times comes to. Milliseconds, as the times are. */
export interface Summary {
  readonly runs: number
  readonly median: number
  readonly p5: number
  readonly p95: number
  readonly min: number
  readonly mean: number
}

/** The value below which a share `q` of the values lies, interpolated between neighbours (NumPy's default). */
export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) return Number.NaN
  const sorted = [...values].sort((a, b) => a - b)
  const at = q * (sorted.length - 1)
  const low = Math.floor(at)
  const high = Math.ceil(at)
  return sorted[low] + (at - low) * (sorted[high] - sorted[low])
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)

/** Throws `RangeError` for an empty list. */
export function summarize(values: readonly number[]): Summary {
  if (values.length === 0) throw new RangeError('nothing was timed, so there is nothing to summarize')
  return {
    runs: values.length,
    median: median(values),
    p5: quantile(values, 0.05),
    p95: quantile(values, 0.95),
    min: Math.min(...values),
    mean: values.reduce((a, b) => a + b, 0) / values.length,
  }
}

/** Whether the last of several windows of times is no faster than the one before it, within `tolerance`. */
export function settled(medians: readonly number[], tolerance = 0.03): boolean {
  if (medians.length < 3) return false
  const [before, last] = medians.slice(-2)
  return Math.abs(last - before) <= tolerance * before
}
