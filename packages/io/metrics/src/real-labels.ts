import { topClasses } from './accuracy.js'
import { MetricsError } from './errors.js'

/**
 * Reads re-assessed labels: a JSON list of lists of classes; entry i belongs to image i of the validation set.
 *
 * @throws MetricsError for anything else.
 */
export function parseRealLabels(text: string): number[][] {
  let found: unknown
  try {
    found = JSON.parse(text)
  } catch (cause) {
    throw new MetricsError(`The re-assessed labels are no JSON (${(cause as Error).message}).`)
  }
  const whole = (label: unknown) => Number.isInteger(label) && (label as number) >= 0
  if (!Array.isArray(found) || !found.every((labels) => Array.isArray(labels) && labels.every(whole)))
    throw new MetricsError('Re-assessed labels are a JSON list that holds a list of class indices for each image.')
  return found
}

/**
 * Which entry belongs to a file of the validation set: `ILSVRC2012_val_00000001.JPEG` is 0.
 *
 * @throws MetricsError for other names.
 */
export function realLabelIndex(path: string): number {
  const [, digits] = /ILSVRC2012_val_(\d{8})\.\w+$/.exec(path) ?? []
  if (digits === undefined || Number(digits) === 0)
    throw new MetricsError(
      `${JSON.stringify(path)} is no image of the ILSVRC-2012 validation set (ILSVRC2012_val_00000001.JPEG).`,
    )
  return Number(digits) - 1
}

/**
 * Accuracy on re-assessed labels (Beyer et al., "Are we done with ImageNet?"): an image counts as right when any of its k
 * best classes is in its list; images with an empty list do not count.
 */
export class RealAccuracy {
  readonly #labels: readonly (readonly number[])[]
  readonly #ks: readonly number[]
  readonly #right: number[]
  #counted = 0

  constructor(labels: readonly (readonly number[])[], ks: readonly number[] = [1, 5]) {
    this.#labels = labels
    this.#ks = ks
    this.#right = ks.map(() => 0)
  }
  /** Adds the logits of one image. Throws `MetricsError` when there is no entry `index`. */
  update(logits: ArrayLike<number>, index: number): void {
    const labels = this.#labels[index]
    if (!labels) throw new MetricsError(`There is no entry ${index} among ${this.#labels.length} re-assessed labels.`)
    if (labels.length === 0) return
    this.#counted++
    const best = topClasses(logits, Math.max(...this.#ks))
    for (const [i, k] of this.#ks.entries()) if (best.slice(0, k).some((c) => labels.includes(c))) this.#right[i]!++
  }
  /** In percent, for each k. NaN before the first image that counts. */
  get percent(): number[] {
    return this.#right.map((right) => (100 * right) / this.#counted)
  }
}
