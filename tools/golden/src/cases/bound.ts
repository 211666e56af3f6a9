import type { Device } from '../devices.js'
import type { Field } from '../field.js'

/** `float32_error` and its like: a number, or the name of the worst tensor and the number. */
function readError(field: Field): number {
  return Array.isArray(field.value) ? field.tuple(2)[1].number() : field.number()
}

/**
 * What a run may differ by: four times the error of PyTorch's own float32 run, or 2e-5, whichever is larger. `errors` are
 * the places where the file may tell that error, the nearest to the tensor first.
 *
 * In float64 nothing but the nine printed digits is left (5e-9 for a value that begins with a 1), and a wrong epsilon or
 * the wrong form of GELU, which hide below 2e-5, show: 1e-7.
 */
export function boundOf({ dtype }: Device, ...errors: (Field | undefined)[]): number {
  const nearest = errors.find((field) => field !== undefined)
  return dtype === 'f64' ? 1e-7 : Math.max(4 * (nearest ? readError(nearest) : 0), 2e-5)
}
