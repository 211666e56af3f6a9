import { ArgumentError, scope } from '@scanline/tensor'
import { type Formula, fused, type Term } from './fused.js'
import type { Optimizer, Updated } from './optimizer.js'

export interface SgdOptions {
  /** 0 unless told otherwise; then there is no buffer. */
  readonly momentum?: number
  /** What a gradient loses on its way into the buffer, after the first step. */
  readonly dampening?: number
  /** Looks one step ahead. Needs momentum, and no dampening. What timm calls `sgd` has it, with a momentum of 0.9. */
  readonly nesterov?: boolean
}

type Scalar = 'lr' | 'gain'

/** Gradient descent with momentum as in PyTorch. Throws `ArgumentError` for options that exclude one another. */
export function sgd({ momentum = 0, dampening = 0, nesterov = false }: SgdOptions = {}): Optimizer<Scalar> {
  if (nesterov && (momentum <= 0 || dampening !== 0))
    throw new ArgumentError(`nesterov needs a momentum and no dampening, got ${momentum} and ${dampening}`)
  return {
    name: 'sgd',
    buffers: momentum === 0 ? [] : ['momentum_buffer'],
    // The first buffer is the gradient itself.
    scalars: (lr, step) => ({ lr, gain: step === 1 ? 1 : 1 - dampening }),
    update: (parameters, { lr, gain }, { factor } = {}) =>
      parameters.map(({ value, grad, buffers, weightDecay, lrScale = 1 }) =>
        scope((): Updated => {
          const given = { value, grad, ...(factor && { factor }) }
          const gradient = (f: Formula, x: { readonly value: Term; readonly grad: Term; readonly factor?: Term }): Term => {
            const scaled = x.factor === undefined ? x.grad : f.mul(x.grad, x.factor)
            return weightDecay === 0 ? scaled : f.add(scaled, f.mul(x.value, weightDecay))
          }
          const moved = (f: Formula, from: Term, rate: Term, direction: Term): Term =>
            f.sub(from, f.mul(lrScale === 1 ? rate : f.mul(rate, lrScale), direction))
          if (momentum === 0)
            return { value: fused({ ...given, lr }, (f, x) => moved(f, x.value, x.lr, gradient(f, x))), buffers: {} }
          const momentum_buffer = fused(
            { before: buffers.momentum_buffer, ...given, ...(dampening !== 0 && { gain }) },
            (f, x) => {
              const g = gradient(f, x)
              return f.add(f.mul(x.before, momentum), 'gain' in x ? f.mul(g, x.gain as Term) : g)
            },
          )
          const next = fused({ ...given, momentum_buffer, lr }, (f, x) =>
            moved(f, x.value, x.lr, nesterov ? f.add(gradient(f, x), f.mul(x.momentum_buffer, momentum)) : x.momentum_buffer),
          )
          return { value: next, buffers: { momentum_buffer } }
        }),
      ),
  }
}
