import { apply1 } from '../dispatch.js'
import { DTypeError, ShapeError } from '../errors.js'
import type { Op } from '../op.js'
import { scope } from '../scope.js'
import { formatShape, sameShape, sizeOf } from '../shape.js'
import type { Tensor } from '../tensor.js'
import { add, mul, sub } from './arithmetic.js'
import { concat } from './concat.js'
import { matmul } from './matmul.js'
import { sum } from './reduce.js'
import { softmax } from './softmax.js'
import { slice, transpose } from './view.js'

export type AttentionAttrs = { readonly scale: number }

/** Scores held at a time for each head: with it memory grows linearly with the length, not with its square. */
const scoresAtATime = 2 ** 18

/** Query ranges, so many rows each that their scores against all keys stay within the limit. */
function queryRanges(queries: number, keys: number): [number, number][] {
  const rows = Math.max(64, Math.floor(scoresAtATime / Math.max(1, keys)))
  return Array.from({ length: Math.ceil(queries / rows) }, (_, i) => [i * rows, Math.min(queries, (i + 1) * rows)])
}

// The scale goes to the queries: there are fewer of them than scores.
const weights = (q: Tensor, k: Tensor, scale: number): Tensor => softmax(matmul(mul(q, scale), transpose(k)))

/** `q` [..., L, D], `k` [..., S, D], `v` [..., S, E] with equal leading axes → [..., L, E]. */
export const attentionOp: Op<AttentionAttrs> = {
  name: 'attention',
  infer: ([q, k, v]) => {
    const [rank, lead] = [q.shape.length, q.shape.slice(0, -2)]
    const fits =
      rank >= 2 &&
      [k, v].every((t) => t.shape.length === rank && sameShape(t.shape.slice(0, -2), lead)) &&
      q.shape[rank - 1] === k.shape[rank - 1] &&
      k.shape[rank - 2] === v.shape[rank - 2]
    if (!fits)
      throw new ShapeError(
        `attention needs queries [..., L, D], keys [..., S, D] and values [..., S, E], got ${[q, k, v].map((t) => formatShape(t.shape)).join(', ')}`,
      )
    if (k.dtype !== q.dtype || v.dtype !== q.dtype)
      throw new DTypeError(`attention got ${q.dtype}, ${k.dtype} and ${v.dtype}; cast() them to one type`)
    return [{ shape: [...q.shape.slice(0, -1), v.shape[rank - 1]], dtype: q.dtype }]
  },
  decompose: ([q, k, v], { scale }) => {
    const ranges = queryRanges(q.shape[q.rank - 2], k.shape[k.rank - 2])
    if (ranges.length <= 1) return [matmul(weights(q, k, scale), v)]
    return [
      concat(
        ranges.map(([from, to]) => scope(() => matmul(weights(slice(q, -2, from, to), k, scale), v))),
        -2,
      ),
    ]
  },
  // The weights are computed again, range by range, as in Dao et al., arXiv 2205.14135. Gradients of keys and values are
  // sums that grow with every range: as many parts would take memory that grows faster than the length.
  vjp: ([g], { inputs: [q, k, v], outputs: [y], attrs: { scale } }) => {
    let sums: readonly [Tensor, Tensor] | undefined
    const gradQ: Tensor[] = []
    for (const [from, to] of queryRanges(q.shape[q.rank - 2], k.shape[k.rank - 2])) {
      const before = sums
      const [dq, dk, dv] = scope(() => {
        const [queries, grads, outputs] = [q, g!, y].map((t) => slice(t, -2, from, to))
        const p = weights(queries, k, scale)
        const scores = mul(p, sub(matmul(grads, transpose(v)), sum(mul(grads, outputs), [-1], true)))
        const ofK = matmul(transpose(scores), mul(queries, scale))
        const ofV = matmul(transpose(p), grads)
        return [mul(matmul(scores, k), scale), before ? add(ofK, before[0]) : ofK, before ? add(ofV, before[1]) : ofV]
      })
      for (const tensor of before ?? []) tensor.dispose()
      sums = [dk, dv]
      gradQ.push(dq)
    }
    return sums ? [concat(gradQ, -2), ...sums] : [undefined, undefined, undefined]
  },
  reference: ([q, k, v], { scale }, [out]) => {
    const [length, depth] = q.shape.slice(-2)
    const [keys, width] = v.shape.slice(-2)
    const result = new Float64Array(sizeOf(out.shape))
    const scores = new Float64Array(keys)
    for (let row = 0; row * width < result.length; row++) {
      const head = Math.floor(row / length)
      for (let s = 0; s < keys; s++) {
        let dot = 0
        for (let i = 0; i < depth; i++) dot += q.data[row * depth + i] * k.data[(head * keys + s) * depth + i]
        scores[s] = dot * scale
      }
      const peak = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
      let total = 0
      for (let s = 0; s < keys; s++) total += scores[s] = Math.exp(scores[s] - peak)
      for (let s = 0; s < keys; s++) {
        const weight = scores[s] / total
        for (let i = 0; i < width; i++) result[row * width + i] += weight * v.data[(head * keys + s) * width + i]
      }
    }
    return [result]
  },
  flops: ([q, k, v], [out]) => {
    const scores = sizeOf(q.shape.slice(0, -1)) * k.shape[k.shape.length - 2]
    return 2 * scores * q.shape[q.shape.length - 1] + 5 * scores + 2 * sizeOf(out.shape) * v.shape[v.shape.length - 2]
  },
}

/**
 * softmax(scale · q kᵀ) v (Vaswani et al., arXiv 1706.03762), without a mask: `q` [..., L, D], `k` [..., S, D],
 * `v` [..., S, E] → [..., L, E]; the leading axes (batch, heads) are equal. `scale` is 1 / √D unless told otherwise.
 * Memory is linear in L and S. Throws `ShapeError`, `DTypeError`.
 */
export function scaledDotProductAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  { scale = 1 / Math.sqrt(q.shape[q.rank - 1]) }: { readonly scale?: number } = {},
): Tensor {
  return apply1(attentionOp, [q, k, v], { scale })
}
