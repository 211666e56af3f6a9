/** A running average in which each value weighs as many samples as it stands for. */
export class Average {
  #last = 0
  #sum = 0
  #count = 0

  /** Adds the mean `value` of `count` samples. */
  update(value: number, count = 1): void {
    this.#last = value
    this.#sum += value * count
    this.#count += count
  }
  /** The value that was added last. */
  get last(): number {
    return this.#last
  }
  get sum(): number {
    return this.#sum
  }
  get count(): number {
    return this.#count
  }
  /** NaN before the first value. */
  get mean(): number {
    return this.#sum / this.#count
  }
}
