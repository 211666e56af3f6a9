import { OnnxExportError } from './errors.js'
import type { Dimension } from './model.js'

/** A length: known, or so many times the number of images that a run is given. */
export type Dim = number | { readonly times: number }
export type Dims = readonly Dim[]

export const sameDim = (a: Dim, b: Dim): boolean =>
  typeof a === 'number' || typeof b === 'number' ? a === b : a.times === b.times

/** As it stands in the file. */
export const dimension = (dim: Dim): Dimension =>
  typeof dim === 'number' ? dim : dim.times === 1 ? 'batch' : `${dim.times} * batch`

/** Batches that a function is traced with to find out which lengths grow with it. Not 1: that is broadcast. */
export const batches = [2, 3] as const

/** What lengths seen with the two batches mean. Throws `OnnxExportError` for one that does not grow in proportion. */
export function dims(a: readonly number[], b: readonly number[]): Dims {
  return a.map((n, axis) => {
    if (n === b[axis]) return n
    const times = n / batches[0]
    if (Number.isInteger(times) && times === b[axis] / batches[1]) return { times }
    throw new OnnxExportError(
      `a length is ${n} for ${batches[0]} images and ${b[axis]} for ${batches[1]}: a file for any number of them needs lengths in proportion to it; export with { dynamicBatch: false }`,
    )
  })
}
