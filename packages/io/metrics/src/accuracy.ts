import { MetricsError } from './errors.js'

/**
 * How many samples have their label among the k largest logits, for each k. Of equal logits the one with the lower index
 * comes first; NaN comes before every number, as in PyTorch. `k` above the number of classes counts every sample.
 *
 * @param logits `[samples, classes]`, row by row
 * @param labels one for each sample
 * @throws MetricsError when the lengths do not fit or a label is no class.
 */
export function countTopK(
  logits: ArrayLike<number>,
  classes: number,
  labels: ArrayLike<number>,
  ks: readonly number[] = [1, 5],
): number[] {
  if (logits.length !== labels.length * classes)
    throw new MetricsError(`${logits.length} logits are not those of ${labels.length} samples and ${classes} classes.`)
  const counts = ks.map(() => 0)
  for (let sample = 0; sample < labels.length; sample++) {
    const label = labels[sample]!
    if (!Number.isInteger(label) || label < 0 || label >= classes)
      throw new MetricsError(`Sample ${sample} has the label ${label}, but there are ${classes} classes, from 0.`)
    const before = rankOf(logits, sample * classes, classes, label)
    for (const [i, k] of ks.entries()) if (before < k) counts[i]!++
  }
  return counts
}

/** How many classes come before one. */
function rankOf(logits: ArrayLike<number>, start: number, classes: number, label: number): number {
  const own = logits[start + label]!
  let before = 0
  for (let i = 0; i < classes; i++) if (i !== label && comesBefore(logits[start + i]!, i, own, label)) before++
  return before
}

const comesBefore = (a: number, i: number, b: number, j: number): boolean =>
  a > b || (Number.isNaN(a) && !Number.isNaN(b)) || ((a === b || (Number.isNaN(a) && Number.isNaN(b))) && i < j)

/** The `k` largest logits of one sample: their classes, best first. */
export function topClasses(logits: ArrayLike<number>, k: number): number[] {
  return Array.from({ length: logits.length }, (_, i) => i)
    .sort((i, j) => (comesBefore(logits[i]!, i, logits[j]!, j) ? -1 : 1))
    .slice(0, k)
}

/**
 * Top-k accuracy in percent, for each k.
 *
 * @example
 * const [top1, top5] = accuracy(await logits.data(), 1000, labels)
 */
export function accuracy(
  logits: ArrayLike<number>,
  classes: number,
  labels: ArrayLike<number>,
  ks: readonly number[] = [1, 5],
): number[] {
  return countTopK(logits, classes, labels, ks).map((count) => (100 * count) / labels.length)
}
