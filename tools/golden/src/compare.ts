import type { Reference } from './reference.js'
import { sizeOf } from './reference.js'

/** Any typed array of floats. */
export type Values = ArrayLike<number>

export interface Comparison {
  /** The relative error; Infinity where the shapes differ, NaN where values are missing or not numbers. */
  readonly error: number
  /** Which part of a summary is worst, or what is wrong. */
  readonly note?: string
}

const norm = (values: Values): number => {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i] * values[i]
  return Math.sqrt(sum)
}

const distance = (a: Values, b: Values): number => {
  let sum = 0
  for (let i = 0; i < b.length; i++) sum += (a[i] - b[i]) ** 2
  return Math.sqrt(sum)
}

const over = (difference: number, size: number): number => (difference === 0 ? 0 : difference / size)

/** L2 norm of the difference over L2 norm of the reference. A reference of zeros is compared by absolute size. */
export function relativeError(actual: Values, expected: Values): number {
  return over(distance(actual, expected), norm(expected) || 1)
}

/**
 * The relative error of a few values out of a tensor of `size` values whose norm is `l2`. They are measured against their
 * own norm, but at least against what that many typical values have: rounding errors come at the size of the whole tensor,
 * so that a few values that happen to be small would be held to a bound that no float32 run keeps.
 */
export function partialError(actual: Values, expected: Values, l2: number, size: number): number {
  const typical = l2 * Math.sqrt(expected.length / size)
  return over(distance(actual, expected), Math.max(norm(expected), typical) || 1)
}

/**
 * Compares a tensor with its reference.
 *
 * Every part of a summary is scaled so that a run whose tensor is off by a relative error e shows about e in it, and one
 * bound serves all: samples as in {@link partialError}; mean and standard deviation against the root mean square (a mean
 * near zero has no relative error of its own; |Δmean| ≤ ‖Δ‖/√n, so over the root mean square it is at most e, and the
 * deviation likewise); the norm against itself (|Δl2| ≤ ‖Δ‖); the largest magnitude against itself.
 */
export function compareTensor(shape: readonly number[], actual: Values, expected: Reference): Comparison {
  if (String(shape) !== String(expected.shape))
    return { error: Number.POSITIVE_INFINITY, note: `shape [${shape.join(', ')}] instead of [${expected.shape.join(', ')}]` }
  if ('data' in expected) return { error: relativeError(actual, expected.data) }

  const size = sizeOf(expected.shape)
  const { mean, std, absmax, l2 } = statistics(actual)
  const rms = expected.l2 / Math.sqrt(size)
  const samples = expected.samples.map((_, i) => actual[i * expected.step])
  const parts: [string, number][] = [
    ['samples', partialError(samples, expected.samples, expected.l2, size)],
    ['mean', over(Math.abs(mean - expected.mean), rms || 1)],
    ['std', over(Math.abs(std - expected.std), rms || 1)],
    ['absmax', over(Math.abs(absmax - expected.absmax), expected.absmax || 1)],
    ['l2', over(Math.abs(l2 - expected.l2), expected.l2 || 1)],
  ]
  // `!(a <= b)`: NaN is worse than any number.
  const [part, error] = parts.reduce((worst, next) => (Number.isNaN(worst[1]) || next[1] <= worst[1] ? worst : next))
  return part === 'samples' ? { error } : { error, note: part }
}

function statistics(values: Values): { mean: number; std: number; absmax: number; l2: number } {
  const n = Math.max(1, values.length)
  let sum = 0
  let absmax = 0
  for (let i = 0; i < values.length; i++) {
    sum += values[i]
    absmax = Math.max(absmax, Math.abs(values[i]))
  }
  const mean = sum / n
  let squares = 0
  for (let i = 0; i < values.length; i++) squares += (values[i] - mean) ** 2
  return { mean, std: Math.sqrt(squares / n), absmax, l2: norm(values) }
}
