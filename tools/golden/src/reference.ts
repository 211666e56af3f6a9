import type { Field } from './field.js'

/** What a file says about a tensor: all of it, or a summary. */
export type Reference = WholeReference | SummaryReference

export interface WholeReference {
  readonly shape: readonly number[]
  readonly data: readonly number[]
}

/** `std` divides by the number of elements; `samples` are the values at flat indices 0, `step`, 2 `step`, … */
export interface SummaryReference {
  readonly shape: readonly number[]
  readonly mean: number
  readonly std: number
  readonly absmax: number
  readonly l2: number
  readonly step: number
  readonly samples: readonly number[]
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1)

/** Reads a tensor of a file. Throws `FormatError` for fields that are missing or do not fit the shape. */
export function readReference(field: Field): Reference {
  const shape = field.at('shape').shape()
  const size = sizeOf(shape)
  const data = field.maybe('data')
  if (data) {
    const values = data.numbers()
    if (values.length !== size) data.fail(`${values.length} values do not fill the shape [${shape.join(', ')}] (${size})`)
    return { shape, data: values }
  }
  const step = field.at('step')
  const samples = field.at('samples').numbers()
  if (step.count() < 1) step.fail('expected a distance of at least 1')
  if (samples.length === 0 || (samples.length - 1) * step.count() >= size)
    field
      .at('samples')
      .fail(`${samples.length} samples, ${step.count()} apart, do not lie within the ${size} values of [${shape.join(', ')}]`)
  return {
    shape,
    mean: field.at('mean').number(),
    std: field.at('std').number(),
    absmax: field.at('absmax').number(),
    l2: field.at('l2').number(),
    step: step.count(),
    samples,
  }
}
