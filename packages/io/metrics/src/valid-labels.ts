import { MetricsError } from './errors.js'

/**
 * Reads class indices, one a line: the classes that a model is judged on.
 *
 * @throws MetricsError for lines that are no class.
 */
export function parseValidLabels(text: string, classes: number): number[] {
  return text
    .trim()
    .split(/\s*\n\s*/)
    .map((line, i) => {
      const label = /^\d+$/.test(line) ? Number(line) : Number.NaN
      if (!(label < classes))
        throw new MetricsError(`Line ${i + 1}, ${JSON.stringify(line)}, is no class index from 0 to ${classes - 1}.`)
      return label
    })
}

/** Of logits `[samples, classes]`, the columns of the given classes: `[samples, labels.length]`. */
export function selectClasses(logits: ArrayLike<number>, classes: number, labels: readonly number[]): Float32Array {
  const samples = logits.length / classes
  return Float32Array.from(
    { length: samples * labels.length },
    (_, i) => logits[Math.floor(i / labels.length) * classes + labels[i % labels.length]!]!,
  )
}
