import { apply1 } from '../dispatch.js'
import { ShapeError } from '../errors.js'
import type { Op } from '../op.js'
import { formatShape, sizeOf } from '../shape.js'
import type { Tensor } from '../tensor.js'
import { add, mul, rsqrt, square, sub } from './arithmetic.js'
import { mean, sum } from './reduce.js'

/** Inputs x, then weight or not. */
export const rmsNormOp: Op<{ readonly eps: number }> = {
  name: 'rmsNorm',
  infer: ([x, weight]) => {
    const c = x.shape[x.shape.length - 1]
    if (weight && (weight.shape.length !== 1 || weight.shape[0] !== c))
      throw new ShapeError(`rmsNorm of ${formatShape(x.shape)} needs a weight of shape [${c}], got ${formatShape(weight.shape)}`)
    return [{ shape: x.shape, dtype: x.dtype }]
  },
  decompose: ([x, weight], { eps }) => {
    const normal = mul(x, scaleOf(x, eps))
    return [weight ? mul(normal, weight) : normal]
  },
  // With n = r x: dx = r (dn - n mean(dn n)).
  vjp: ([g], { inputs: [x, weight], attrs: { eps } }) => {
    const r = scaleOf(x, eps)
    const n = mul(x, r)
    const dn = weight ? mul(g!, weight) : g!
    const dx = mul(r, sub(dn, mul(n, mean(mul(dn, n), [-1], true))))
    if (!weight) return [dx]
    const rows = x.shape.slice(0, -1).map((_, i) => i)
    return [dx, sum(mul(g!, n), rows)]
  },
  reference: ([x, weight], { eps }) => {
    const c = x.shape[x.shape.length - 1]
    const out = new Float64Array(x.data.length)
    for (let at = 0; at < out.length; at += c) {
      let squares = 0
      for (let i = 0; i < c; i++) squares += x.data[at + i] ** 2
      const r = 1 / Math.sqrt(squares / c + eps)
      for (let i = 0; i < c; i++) out[at + i] = x.data[at + i] * r * (weight?.data[i] ?? 1)
    }
    return [out]
  },
  flops: ([x, weight]) => (weight ? 4 : 3) * sizeOf(x.shape),
}

const scaleOf = (x: Tensor, eps: number): Tensor => rsqrt(add(mean(square(x), [-1], true), eps))

/**
 * Divides each row of the last axis by its root mean square (`eps` under the root), then scales by `weight` [C], if
 * given. Throws `ShapeError`. Zhang and Sennrich, arXiv 1910.07467.
 */
export const rmsNorm = (x: Tensor, weight: Tensor | undefined, eps: number): Tensor =>
  apply1(rmsNormOp, weight ? [x, weight] : [x], { eps })
