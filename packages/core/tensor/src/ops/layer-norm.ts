import { apply1 } from '../dispatch.js'
import { ArgumentError, DTypeError, ShapeError } from '../errors.js'
import type { Op } from '../op.js'
import { formatShape, sizeOf } from '../shape.js'
import type { Tensor } from '../tensor.js'
import { add, mul, rsqrt, square, sub } from './arithmetic.js'
import { mean, sum } from './reduce.js'

/** Inputs x, then weight and bias or neither. */
export const layerNormOp: Op<{ readonly eps: number }> = {
  name: 'layerNorm',
  infer: ([x, ...affine]) => {
    const c = x.shape[x.shape.length - 1]
    const odd = affine.find((p) => p.shape.length !== 1 || p.shape[0] !== c)
    if (odd)
      throw new ShapeError(
        `layerNorm of ${formatShape(x.shape)} needs weight and bias of shape [${c}], got ${formatShape(odd.shape)}`,
      )
    const other = affine.find((p) => p.dtype !== x.dtype)
    if (other) throw new DTypeError(`layerNorm got ${x.dtype} and weights of ${other.dtype}; cast() one of them`)
    return [{ shape: x.shape, dtype: x.dtype }]
  },
  // Ba et al., arXiv 1607.06450; with n the normalised input: dx = r (dn - mean(dn) - n mean(dn n)).
  vjp: ([g], { inputs: [x, weight], attrs: { eps } }) => {
    const centred = sub(x, mean(x, [-1], true))
    const r = rsqrt(add(mean(square(centred), [-1], true), eps))
    const n = mul(centred, r)
    const dn = weight ? mul(g!, weight) : g!
    const dx = mul(r, sub(sub(dn, mean(dn, [-1], true)), mul(n, mean(mul(dn, n), [-1], true))))
    if (!weight) return [dx]
    const rows = x.shape.slice(0, -1).map((_, i) => i)
    return [dx, sum(mul(g!, n), rows), sum(g!, rows)]
  },
  reference: ([x, weight, bias], { eps }) => {
    const c = x.shape[x.shape.length - 1]
    const out = new Float64Array(x.data.length)
    for (let at = 0; at < out.length; at += c) {
      let total = 0
      for (let i = 0; i < c; i++) total += x.data[at + i]
      const centre = total / c
      let squares = 0
      for (let i = 0; i < c; i++) squares += (x.data[at + i] - centre) ** 2
      const r = 1 / Math.sqrt(squares / c + eps)
      for (let i = 0; i < c; i++) out[at + i] = (x.data[at + i] - centre) * r * (weight?.data[i] ?? 1) + (bias?.data[i] ?? 0)
    }
    return [out]
  },
  flops: ([x, weight]) => (weight ? 7 : 5) * sizeOf(x.shape),
}

/**
 * Normalises the last axis to mean 0 and variance 1 (biased, `eps` under the root), then scales by `weight` [C] and
 * shifts by `bias` [C], if given. Throws `ShapeError`, `DTypeError`, and `ArgumentError` for only one of the two.
 */
export function layerNorm(x: Tensor, weight: Tensor | undefined, bias: Tensor | undefined, eps: number): Tensor {
  if ((weight === undefined) !== (bias === undefined))
    throw new ArgumentError('layerNorm takes weight and bias together, or neither')
  return apply1(layerNormOp, weight && bias ? [x, weight, bias] : [x], { eps })
}
