import { ArgumentError, ShapeError } from './errors.js'
import { add } from './ops/arithmetic.js'
import { fullLike } from './ops/create.js'
import { scope } from './scope.js'
import { listening, Tape } from './tape.js'
import type { Tensor } from './tensor.js'

/**
 * The value of a scalar function and its gradient with respect to the tensors `wrt`, whatever the function does to
 * reach them (arguments, module parameters, captured variables). Tensors that took no part get zeros. Gradients are made
 * of ops: they can be compiled, and differentiated again.
 *
 * Other tensors that `f` makes stay alive, as it may have kept them: run a training step within a `scope`.
 *
 * Throws `ShapeError` if the value is not of size 1, `ArgumentError` for an op without a gradient.
 *
 * @example
 * const { value, grads } = valueAndGrad(() => crossEntropy(model.forward(x), labels), model.parameters())
 */
export function valueAndGrad(f: () => Tensor, wrt: readonly Tensor[]): { value: Tensor; grads: Tensor[] } {
  const tape = new Tape(wrt)
  try {
    const value = listening(tape, f)
    if (value.size !== 1)
      throw new ShapeError(`the function differentiated must give one number, it gave ${value}; take sum() or mean() of it`)
    // An alias: two tensors of `wrt` may share one gradient, and each is the caller's to free.
    const grads = scope(() => backward(tape, [value], [fullLike(value, 1)], wrt).map((g, i) => g?.alias() ?? fullLike(wrt[i], 0)))
    return { value, grads }
  } finally {
    tape.dispose()
  }
}

/**
 * The gradient function of `f`: takes the same tensors, gives one gradient for each.
 *
 * @example
 * const [dx] = grad((x) => sum(mul(x, x)))(x) // 2x
 */
export function grad(f: (...inputs: Tensor[]) => Tensor): (...inputs: Tensor[]) => Tensor[] {
  return (...inputs) => {
    const { value, grads } = valueAndGrad(() => f(...inputs), inputs)
    if (!inputs.some((t) => t.id === value.id)) value.dispose()
    return grads
  }
}

/**
 * Gradients of the tensors `wrt`, given those of some outputs that a tape leads to; undefined where nothing flows.
 */
export function backward(
  tape: Tape,
  outputs: readonly Tensor[],
  given: readonly (Tensor | undefined)[],
  wrt: readonly Tensor[],
): (Tensor | undefined)[] {
  const gradients = new Map<number, Tensor>()
  const flow = (to: Tensor, part: Tensor | undefined): void => {
    if (part === undefined || !tape.watches(to)) return
    const before = gradients.get(to.id)
    gradients.set(to.id, before ? add(before, part) : part)
  }
  for (const [i, output] of outputs.entries()) flow(output, given[i])
  for (const { op, inputs, outputs, attrs } of [...tape.entries].reverse()) {
    const above = outputs.map((t) => gradients.get(t.id))
    if (above.every((g) => g === undefined)) continue
    if (!op.vjp)
      throw new ArgumentError(
        `${op.name} has no gradient; keep it out of the function, or give it only tensors that are not differentiated`,
      )
    for (const [i, part] of op.vjp(above, { inputs, outputs, attrs }).entries()) flow(inputs[i], part)
  }
  return wrt.map((t) => gradients.get(t.id))
}
