/**
 * The factor of a loss in half precision, whose small gradients would vanish (Micikevicius et al., arXiv 1710.03740): it
 * starts at 65536, halves after a step with a gradient that is not finite, which is skipped, and doubles after 2000 good
 * ones in a row. bfloat16 and float32 need none.
 */
export class LossScale {
  #value: number
  #goodSteps: number

  constructor({ value = 65536, goodSteps = 0 }: { readonly value?: number; readonly goodSteps?: number } = {}) {
    this.#value = value
    this.#goodSteps = goodSteps
  }
  get value(): number {
    return this.#value
  }
  /** What restores it. */
  get state(): { readonly value: number; readonly goodSteps: number } {
    return { value: this.#value, goodSteps: this.#goodSteps }
  }
  /** After a step: whether all gradients were finite. */
  update(finite: boolean): void {
    if (!finite) {
      this.#value /= 2
      this.#goodSteps = 0
    } else if (++this.#goodSteps === 2000) {
      this.#value *= 2
      this.#goodSteps = 0
    }
  }
}
