import { abs, concat, max, reshape, scope, sqrt, square, sum, type Tensor } from '@scanline/tensor'

/** `l2`, or `max` for the largest magnitude (the norm "inf"). */
export type NormKind = 'l2' | 'max'

/** Norm of all tensors together, as if they were one vector: shape []. */
export function globalNorm(tensors: readonly Tensor[], kind: NormKind = 'l2'): Tensor {
  return scope(() => {
    const parts = tensors.map((t) => reshape(kind === 'l2' ? sum(square(t)) : max(abs(t)), [1]))
    const all = parts.length === 1 ? parts[0] : concat(parts, 0)
    return kind === 'l2' ? sqrt(sum(all)) : max(all)
  })
}
