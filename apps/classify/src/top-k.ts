export interface Prediction {
  /** Position among the model's outputs. */
  readonly index: number
  /** The class's name; its index as text where no names are known. */
  readonly label: string
  /** Softmax over all classes. */
  readonly probability: number
}

/** The `k` most probable classes, best first; of equal ones the lower index first. */
export function topK(probabilities: ArrayLike<number>, k: number, labelOf: (index: number) => string): Prediction[] {
  const best: number[] = []
  for (let i = 0; i < probabilities.length; i++) {
    if (best.length === k && !(probabilities[i]! > probabilities[best[k - 1]!]!)) continue
    let at = best.length
    while (at > 0 && probabilities[i]! > probabilities[best[at - 1]!]!) at--
    best.splice(at, 0, i)
    if (best.length > k) best.pop()
  }
  return best.map((index) => ({ index, label: labelOf(index), probability: probabilities[index]! }))
}
