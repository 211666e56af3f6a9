import type { Attrs } from './backend.js'
import type { Op } from './op.js'
import { unscoped } from './scope.js'
import type { Tensor } from './tensor.js'

interface Entry {
  readonly op: Op
  readonly inputs: readonly Tensor[]
  readonly outputs: readonly Tensor[]
  readonly attrs: Attrs
}

/** What hears of the ops that are applied to tensors it watches. */
export interface Listener {
  watches(tensor: { readonly id: number }): boolean
  record(op: Op, inputs: readonly Tensor[], attrs: Attrs, outputs: readonly Tensor[]): void
}

/** The ops that lead from some tensors to others, in order, with handles that keep their values alive. */
export class Tape implements Listener {
  readonly entries: Entry[] = []
  readonly #watched: Set<number>

  constructor(sources: readonly Tensor[]) {
    this.#watched = new Set(sources.map((t) => t.id))
  }
  watches({ id }: { readonly id: number }): boolean {
    return this.#watched.has(id)
  }
  record(op: Op, inputs: readonly Tensor[], attrs: Attrs, outputs: readonly Tensor[]): void {
    for (const output of outputs) this.#watched.add(output.id)
    const keep = (t: Tensor) => unscoped(() => t.alias())
    this.entries.push({ op, attrs, inputs: inputs.map(keep), outputs: outputs.map(keep) })
  }
  dispose(): void {
    for (const { inputs, outputs } of this.entries) for (const t of [...inputs, ...outputs]) t.dispose()
  }
}

let tapes: Listener[] = []

/** Runs `body` with `tape` listening. */
export const listening = <T>(tape: Listener, body: () => T): T => heardBy([...tapes, tape], body)

/** Everything that listens now. */
export const listeners = (): readonly Listener[] => tapes

/** Runs `body` with only these listening. */
export function heardBy<T>(list: readonly Listener[], body: () => T): T {
  const before = tapes
  tapes = [...list]
  try {
    return body()
  } finally {
    tapes = before
  }
}

/** The tapes that watch at least one of the tensors. */
export const activeTapes = (inputs: readonly Tensor[]): readonly Listener[] =>
  tapes.length === 0 ? tapes : tapes.filter((tape) => inputs.some((t) => tape.watches(t)))

/**
 * Whether a gradient is being recorded for one of these tensors, or through it. What computes without ops has to refuse
 * then: nothing of it is on the tape, and the gradient would be zero.
 */
export const isDifferentiated = (tensors: readonly { readonly id: number }[]): boolean =>
  tapes.some((tape) => tensors.some((t) => tape.watches(t)))

/** Runs `body` with no tape listening: the steps within an op that is recorded as a whole. */
export const unheard = <T>(body: () => T): T => heardBy([], body)
