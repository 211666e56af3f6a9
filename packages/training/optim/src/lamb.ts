import { cast, div, expression, greater, maximum, mean, minimum, mul, pointwise, scope, type Tensor } from '@scanline/tensor'
import { checkBetas } from './adamw.js'
import { type Formula, fused, type Term } from './fused.js'
import { globalNorm } from './norm.js'
import type { Optimizer, Parameter, Updated } from './optimizer.js'

export interface LambOptions {
  /** Decay of the averages of gradients and of their squares: 0.9 and 0.999 unless told otherwise. */
  readonly betas?: readonly [number, number]
  /** Added to the root, after the correction: 1e-6 unless told otherwise (MambaVision takes 1e-8). */
  readonly eps?: number
  /** All gradients are divided by max(1, norm / this): 1 unless told otherwise, `null` for never. */
  readonly maxGradNorm?: number | null
  /** False adds the whole gradient to its average: true unless told otherwise. */
  readonly gradAveraging?: boolean
  /** Whether averages are corrected for their start at zero: true unless told otherwise. */
  readonly biasCorrection?: boolean
  /** The trust ratio for tensors without weight decay too: false unless told otherwise. */
  readonly alwaysAdapt?: boolean
  /** No trust ratio above 1 ("LAMBC"): false unless told otherwise. */
  readonly trustClip?: boolean
  /** Decay as in AdamW, out of the trust ratio: false unless told otherwise. */
  readonly decoupledDecay?: boolean
  /** Only where the step has the gradient's sign, scaled up by the share that is left (arXiv 2411.16085). */
  readonly caution?: boolean
}

type Scalar = 'lr' | 'mean_scale' | 'root_scale'

/**
 * LAMB (You et al., arXiv 1904.00962) with timm's additions: a global gradient norm of at most 1 before anything else,
 * without an epsilon, and no trust ratio for tensors without weight decay, which take a plain Adam step.
 */
export function lamb(options: LambOptions = {}): Optimizer<Scalar> {
  const { betas = [0.9, 0.999], maxGradNorm = 1, biasCorrection = true } = options
  checkBetas(betas)
  const [b1, b2] = betas
  return {
    name: 'lamb',
    buffers: ['exp_avg', 'exp_avg_sq'],
    scalars: (lr, step) => ({
      lr,
      mean_scale: biasCorrection ? 1 / (1 - b1 ** step) : 1,
      root_scale: biasCorrection ? 1 / Math.sqrt(1 - b2 ** step) : 1,
    }),
    update: (parameters, scalars, { factor, norm } = {}) =>
      scope(() => {
        const ownFactor = maxGradNorm === null ? factor : limited(parameters, maxGradNorm, factor, norm)
        return parameters.map((parameter) => scope(() => updated(parameter, scalars, ownFactor, options)))
      }),
  }
}

/** The factor for every gradient that keeps their norm within the limit. */
function limited(parameters: readonly Parameter[], limit: number, factor: Tensor | undefined, norm: Tensor | undefined): Tensor {
  const own = norm ?? globalNorm(parameters.map(({ grad }) => grad))
  const whole = factor ? mul(own, factor) : own
  return div(factor ?? 1, maximum(div(whole, limit), 1))
}

function updated(
  { value, grad, buffers, weightDecay, lrScale = 1 }: Parameter,
  { lr, mean_scale, root_scale }: Readonly<Record<Scalar, Tensor>>,
  factor: Tensor | undefined,
  {
    betas: [b1, b2] = [0.9, 0.999],
    eps = 1e-6,
    gradAveraging = true,
    alwaysAdapt,
    trustClip,
    decoupledDecay,
    caution,
  }: LambOptions,
): Updated {
  const given = { grad, ...(factor && { factor }) }
  const gradient = (f: Formula, x: { readonly grad: Term; readonly factor?: Term }): Term =>
    x.factor === undefined ? x.grad : f.mul(x.grad, x.factor)
  const exp_avg = fused({ before: buffers.exp_avg, ...given }, (f, x) =>
    f.add(f.mul(x.before, b1), f.mul(gradient(f, x), gradAveraging ? 1 - b1 : 1)),
  )
  const exp_avg_sq = fused({ before: buffers.exp_avg_sq, ...given }, (f, x) => {
    const g = gradient(f, x)
    return f.add(f.mul(x.before, b2), f.mul(f.mul(g, g), 1 - b2))
  })
  const direction = fused({ exp_avg, exp_avg_sq, mean_scale, root_scale }, (f, x) =>
    f.div(f.mul(x.exp_avg, x.mean_scale), f.add(f.mul(f.sqrt(x.exp_avg_sq), x.root_scale), eps)),
  )
  const careful = caution ? cautious(direction, grad) : direction
  const inside = decoupledDecay ? 0 : weightDecay
  const outside = decoupledDecay ? weightDecay * lrScale : 0
  const whole = inside === 0 ? careful : fused({ careful, value }, (f, x) => f.add(x.careful, f.mul(x.value, inside)))
  const kept = outside === 0 ? value : fused({ value, lr }, (f, x) => f.mul(x.value, f.sub(1, f.mul(x.lr, outside))))
  const ratio = weightDecay !== 0 || alwaysAdapt ? trustRatio(kept, whole, trustClip) : undefined
  const next = fused({ kept, whole, lr, ...(ratio && { ratio }) }, (f, x) => {
    const rate = lrScale === 1 ? x.lr : f.mul(x.lr, lrScale)
    return f.sub(x.kept, f.mul(rate, 'ratio' in x ? f.mul(x.whole, x.ratio as Term) : x.whole))
  })
  return { value: next, buffers: { exp_avg, exp_avg_sq } }
}

/** |p| / |u|, or 1 where either is 0. */
function trustRatio(value: Tensor, step: Tensor, clip = false): Tensor {
  const ratio = pointwise(ratioExpr, [globalNorm([value]), globalNorm([step])])
  return clip ? minimum(ratio, 1) : ratio
}

const ratioExpr = expression((e) => {
  const [p, u] = [e.input(0), e.input(1)]
  const one = e.const(1)
  return e.select(e.binary('mul', p, u), e.binary('div', p, u), one)
})

/** The step where it has the gradient's sign, over the share of such elements (at least 1e-3). */
function cautious(step: Tensor, grad: Tensor): Tensor {
  const mask = cast(greater(mul(step, grad), 0), step.dtype)
  return div(mul(step, mask), maximum(mean(mask), 1e-3))
}
