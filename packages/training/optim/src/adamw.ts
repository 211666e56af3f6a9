import { ArgumentError, scope } from '@scanline/tensor'
import { type Formula, fused, type Term } from './fused.js'
import type { Optimizer } from './optimizer.js'

export interface AdamOptions {
  /** Decay of the averages of gradients and of their squares: 0.9 and 0.999 unless told otherwise. */
  readonly betas?: readonly [number, number]
  /** Added to the root, after the correction: 1e-8 unless told otherwise. */
  readonly eps?: number
  /** False adds the decay to the gradient (Adam with an L2 term) instead of shrinking the parameter: true unless told otherwise. */
  readonly decoupled?: boolean
}

type Scalar = 'lr' | 'step_size' | 'root_scale'

/**
 * AdamW (Loshchilov and Hutter, arXiv 1711.05101) as PyTorch computes it: the decay `p ← p (1 - lr w)` comes before the
 * step, and `eps` is added after the correction of the second average. Throws `ArgumentError` for impossible options.
 */
export function adamw({ betas = [0.9, 0.999], eps = 1e-8, decoupled = true }: AdamOptions = {}): Optimizer<Scalar> {
  checkBetas(betas)
  const [b1, b2] = betas
  return {
    name: decoupled ? 'adamw' : 'adam',
    buffers: ['exp_avg', 'exp_avg_sq'],
    scalars: (lr, step) => ({ lr, step_size: lr / (1 - b1 ** step), root_scale: 1 / Math.sqrt(1 - b2 ** step) }),
    update: (parameters, { lr, step_size, root_scale }, { factor } = {}) =>
      parameters.map(({ value, grad, buffers, weightDecay, lrScale = 1 }) =>
        scope(() => {
          const { exp_avg, exp_avg_sq } = buffers
          const penalty = decoupled ? 0 : weightDecay
          const given = { grad, ...(factor && { factor }), ...(penalty !== 0 && { value }) }
          const gradient = (f: Formula, x: GradientTerms): Term => {
            const scaled = x.factor === undefined ? x.grad : f.mul(x.grad, x.factor)
            return x.value === undefined ? scaled : f.add(scaled, f.mul(x.value, penalty))
          }
          const mean = fused({ before: exp_avg, ...given }, (f, x) => f.add(f.mul(x.before, b1), f.mul(gradient(f, x), 1 - b1)))
          const square = fused({ before: exp_avg_sq, ...given }, (f, x) => {
            const g = gradient(f, x)
            return f.add(f.mul(x.before, b2), f.mul(f.mul(g, g), 1 - b2))
          })
          const shrink = decoupled ? weightDecay * lrScale : 0
          const next = fused({ value, mean, square, lr, step_size, root_scale }, (f, x) => {
            const kept = shrink === 0 ? x.value : f.mul(x.value, f.sub(1, f.mul(x.lr, shrink)))
            const root = f.add(f.mul(f.sqrt(x.square), x.root_scale), eps)
            return f.sub(kept, f.div(f.mul(x.mean, scaled(f, x.step_size, lrScale)), root))
          })
          return { value: next, buffers: { exp_avg: mean, exp_avg_sq: square } }
        }),
      ),
  }
}

interface GradientTerms {
  readonly grad: Term
  readonly factor?: Term
  readonly value?: Term
}

const scaled = (f: Formula, rate: Term, lrScale: number): Term => (lrScale === 1 ? rate : f.mul(rate, lrScale))

/** Throws `ArgumentError`. */
export function checkBetas(betas: readonly [number, number]): void {
  for (const beta of betas)
    if (!(beta >= 0 && beta < 1)) throw new ArgumentError(`betas must be from 0 to below 1, got ${betas.join(' and ')}`)
}
