/** A saved epoch. */
export interface Kept {
  readonly epoch: number
  readonly metric: number
}

export interface KeepOptions {
  /** Best epochs that stay: 10 unless told otherwise. */
  readonly keep?: number
  /** For a loss. */
  readonly lowerIsBetter?: boolean
}

/** What to do with files after an epoch. `last` is written in any case, before anything else. */
export interface KeepActions {
  /** Whether this epoch gets a file of its own. */
  readonly keep: boolean
  /** Epochs whose files go. */
  readonly remove: readonly number[]
  /** Whether it is the best one so far. */
  readonly best: boolean
}

/**
 * Which checkpoints stay, by the rules of timm's saver: an epoch is kept while fewer than `keep` are, or when it is
 * strictly better than the worst one that is kept, which goes; of equal ones the older is the better; only a strict
 * improvement is the new best. The state, unlike timm's, survives a resume.
 */
export class KeepPolicy {
  readonly #keep: number
  readonly #better: (a: number, b: number) => boolean
  /** The best first. */
  #kept: readonly Kept[]
  #best: Kept | undefined

  constructor(
    { keep = 10, lowerIsBetter = false }: KeepOptions = {},
    { kept = [], best }: { readonly kept?: readonly Kept[]; readonly best?: Kept | undefined } = {},
  ) {
    this.#keep = keep
    this.#better = lowerIsBetter ? (a, b) => a < b : (a, b) => a > b
    this.#kept = kept
    this.#best = best
  }
  /** What restores the policy. */
  get state(): { readonly kept: readonly Kept[]; readonly best: Kept | undefined } {
    return { kept: this.#kept, best: this.#best }
  }

  /** An epoch's metric (without one it is the best, as in timm). */
  add(epoch: number, metric?: number): KeepActions {
    const worst = this.#kept.at(-1)
    const keep =
      this.#keep > 0 && (this.#kept.length < this.#keep || metric === undefined || !worst || this.#better(metric, worst.metric))
    const best = metric !== undefined && (!this.#best || this.#better(metric, this.#best.metric))
    if (best) this.#best = { epoch, metric }
    if (!keep) return { keep, remove: [], best }
    const remove = this.#kept.slice(this.#keep - 1).map((kept) => kept.epoch)
    const rest = this.#kept.slice(0, this.#keep - 1)
    const own = { epoch, metric: metric ?? Number.NaN }
    const at = metric === undefined ? -1 : rest.findIndex((other) => this.#better(metric, other.metric))
    this.#kept = at < 0 ? [...rest, own] : [...rest.slice(0, at), own, ...rest.slice(at)]
    return { keep, remove, best }
  }
}

/** Of the files that are written within an epoch the two newest stay. */
export class RecoveryPolicy {
  readonly #files: string[] = []

  /** A file that was written; gives the one that goes. */
  add(file: string): string | undefined {
    this.#files.push(file)
    return this.#files.length > 2 ? this.#files.shift() : undefined
  }
}
