import type { Attrs } from './backend.js'
import { apply1 } from './dispatch.js'
import { backward } from './grad.js'
import type { Op } from './op.js'
import { leaves, scope, type Tree, unscoped } from './scope.js'
import { heardBy, type Listener, listeners, listening, Tape } from './tape.js'
import type { Tensor } from './tensor.js'

/**
 * `f(...inputs)`, of which a gradient tape keeps only the inputs: what `f` computes on the way is computed again when its
 * gradient is taken (Chen et al., "Training deep nets with sublinear memory cost", arXiv 1604.06174). One more forward
 * pass buys the memory of everything between.
 *
 * `f` runs twice and must do the same both times. Parameters and other tensors that it captures are found and
 * differentiated too; they must live until the gradient is taken, so hand over what does not as an input.
 *
 * @example
 * const { value, grads } = valueAndGrad(() => mean(recompute((x) => block.forward(x), [stem.forward(image)])), parameters)
 */
export function recompute<T extends Tree>(f: (...inputs: Tensor[]) => T, inputs: readonly Tensor[]): T {
  const outer = listeners()
  if (outer.length === 0) return f(...inputs)
  const probe = new Probe(outer)
  try {
    const result = heardBy([probe], () => f(...inputs))
    const captured = [...probe.captured.values()].filter((t) => !inputs.some(({ id }) => id === t.id))
    const sources = [...inputs, ...captured]
    // What `f` hands through needs no rule: it is an input.
    const made = leaves(result).map((t) => !sources.some(({ id }) => id === t.id))
    const op = recomputeOp(f, inputs.length, (t) => probe.captured.has(t.id), made)
    const outputs = leaves(result).filter((_, i) => made[i])
    for (const listener of outer) if (sources.some((t) => listener.watches(t))) listener.record(op, sources, {}, outputs)
    return result
  } finally {
    for (const tensor of probe.captured.values()) tensor.dispose()
  }
}

/** Finds the tensors from outside, watched there, that a function reads. */
class Probe implements Listener {
  /** By id. */
  readonly captured = new Map<number, Tensor>()
  readonly #outer: readonly Listener[]
  readonly #made = new Set<number>()

  constructor(outer: readonly Listener[]) {
    this.#outer = outer
  }
  watches(tensor: { readonly id: number }): boolean {
    return this.#made.has(tensor.id) || this.#outer.some((listener) => listener.watches(tensor))
  }
  record(_op: Op, inputs: readonly Tensor[], _attrs: Attrs, outputs: readonly Tensor[]): void {
    for (const tensor of inputs)
      if (!this.#made.has(tensor.id) && this.watches(tensor) && !this.captured.has(tensor.id))
        this.captured.set(
          tensor.id,
          unscoped(() => tensor.alias()),
        )
    for (const tensor of outputs) this.#made.add(tensor.id)
  }
}

/**
 * Made for one call. Its inputs are those of `f`, `count` of them, and what `f` captures; its outputs are those results
 * of `f` that it made.
 */
function recomputeOp(
  f: (...inputs: Tensor[]) => Tree,
  count: number,
  differentiated: (source: Tensor) => boolean,
  made: readonly boolean[],
): Op {
  return {
    name: 'recompute',
    infer: () => [],
    vjp: (given, { inputs }) =>
      scope(() => {
        const tape = new Tape(inputs.filter(differentiated))
        try {
          const results = listening(tape, () => leaves(f(...inputs.slice(0, count).map(again))))
          const flowed = backward(
            tape,
            results.filter((_, i) => made[i]),
            given,
            inputs,
          )
          // A tensor given twice has one gradient, which is all of it.
          return flowed.map((g, i) => (inputs.findIndex(({ id }) => id === inputs[i].id) === i ? g : undefined))
        } finally {
          tape.dispose()
        }
      }),
    flops: () => 0,
  }
}

let runs = 0

/** A value under another name: what is computed from it twice is not taken for one computation by a compiler. */
export const againOp: Op<{ readonly run: number }> = {
  name: 'again',
  infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
  view: (x) => ({ strides: x.strides, offset: 0 }),
  vjp: ([g]) => [g],
  flops: () => 0,
}
const again = (x: Tensor): Tensor => apply1(againOp, [x], { run: runs++ })
