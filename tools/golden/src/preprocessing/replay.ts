import type { Draws, OperationName } from '@scanline/image'
import { FormatError } from '../errors.js'
import type { Field } from '../field.js'

export interface ReplayOptions {
  /** What an `operation` draw, which is written by its name, chooses from. */
  readonly operations?: readonly OperationName[]
  /** Fills the patch number `k` (from 0), channel by channel. */
  readonly noise?: (values: Float32Array, k: number) => void
}

/** Draws that were written down. A call of another kind, or with other limits, than the one that was written is an error. */
export class Replay implements Draws {
  readonly #draws: readonly Field[]
  readonly #options: ReplayOptions
  #next = 0
  #patches = 0

  constructor(draws: Field, options: ReplayOptions = {}) {
    this.#draws = draws.list()
    this.#options = options
  }
  /** How many draws nobody asked for. */
  get left(): number {
    return this.#draws.length - this.#next
  }
  random(): number {
    return this.#take(['random', 'flip'], []).number()
  }
  uniform(low: number, high: number): number {
    return this.#take(['uniform'], [low, high]).number()
  }
  integer(low: number, high: number): number {
    return this.#take(['randint'], [low, high]).number()
  }
  normal(mean: number, std: number): number {
    return this.#take(['gauss'], [mean, std]).number()
  }
  choice(count: number): number {
    const value = this.#take(['choice', 'operation'], [count])
    if (typeof value.value === 'number') return value.count()
    const { operations = [] } = this.#options
    return operations.indexOf(value.oneOf(...operations))
  }
  noise(values: Float32Array): void {
    this.#options.noise?.(values, this.#patches++)
  }

  #take(kinds: readonly string[], limits: readonly number[]): Field {
    const draw = this.#draws[this.#next++]
    const asked = `${kinds[0]}(${limits.join(', ')})`
    if (!draw) throw new Error(`draw ${this.#next} is not written down, but ${asked} was asked for`)
    const [kind, written, value] = draw.tuple(3)
    if (!kind || !written || !value) throw new FormatError(draw.path, 'expected a kind, limits and a value')
    const near = (a: number, b: number | undefined) => b !== undefined && Math.abs(a - b) <= 1e-12 * Math.max(1, Math.abs(a))
    const numbers = written.numbers()
    if (!kinds.includes(kind.string()) || numbers.length !== limits.length || !limits.every((l, i) => near(l, numbers[i])))
      throw new Error(`draw ${this.#next} is ${kind.string()}(${numbers.join(', ')}), but ${asked} was asked for`)
    return value
  }
}
