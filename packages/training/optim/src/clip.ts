import { clamp, expression, maximum, mul, pointwise, scope, sqrt, square, sum, type Tensor } from '@scanline/tensor'
import { globalNorm, type NormKind } from './norm.js'

/**
 * The factor that brings gradients of this norm down to `limit`: min(1, limit / (norm + 1e-6)), as PyTorch's. Hand it to
 * an optimizer, which multiplies while it reads the gradients anyway.
 */
export const clipFactor = (norm: Tensor, limit: number): Tensor => pointwise(factorExpr(limit), [norm])

const factorExpr = (limit: number) =>
  expression((e) => e.binary('min', e.const(1), e.binary('div', e.const(limit), e.binary('add', e.input(0), e.const(1e-6)))))

/**
 * Gradients scaled together so that their norm is at most `limit`, and the norm before.
 *
 * @example
 * const { grads, norm } = clipByNorm(valueAndGrad(loss, parameters).grads, 5)
 */
export function clipByNorm(
  grads: readonly Tensor[],
  limit: number,
  kind: NormKind = 'l2',
): { readonly grads: Tensor[]; readonly norm: Tensor } {
  return scope(() => {
    const norm = globalNorm(grads, kind)
    const factor = clipFactor(norm, limit)
    return { grads: grads.map((g) => mul(g, factor)), norm }
  })
}

/** Every element within ±`limit`. */
export const clipByValue = (grads: readonly Tensor[], limit: number): Tensor[] => grads.map((g) => clamp(g, -limit, limit))

/**
 * Adaptive clipping (Brock et al., arXiv 2102.06171): each output unit's gradient (first axis; a vector as a whole) is
 * kept below `factor` times the norm of the unit's weights, which counts as `eps` at least. timm leaves the classifier
 * out: its last two tensors.
 */
export function clipAdaptively(values: readonly Tensor[], grads: readonly Tensor[], factor: number, eps = 1e-3): Tensor[] {
  return grads.map((grad, i) =>
    scope(() => {
      const limit = mul(maximum(unitNorm(values[i]), eps), factor)
      const norm = unitNorm(grad)
      return pointwise(agcExpr, [grad, norm, limit])
    }),
  )
}

/** |g| < limit ? g : g · limit / max(|g|, 1e-6) */
const agcExpr = expression((e) => {
  const [g, norm, limit] = [e.input(0), e.input(1), e.input(2)]
  const shrunk = e.binary('mul', g, e.binary('div', limit, e.binary('max', norm, e.const(1e-6))))
  return e.select(e.binary('lt', norm, limit), g, shrunk)
})

const unitNorm = (x: Tensor): Tensor =>
  sqrt(sum(square(x), x.rank <= 1 ? undefined : x.shape.slice(1).map((_, i) => i + 1), true))
