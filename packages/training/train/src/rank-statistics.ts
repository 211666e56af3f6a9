import { ArgumentError, add, mul, scope, type Tensor } from '@scanline/tensor'

/**
 * Running statistics of data-parallel ranks as one, which is done after each epoch and before evaluation: their mean
 * (`reduce`), or those of rank 0 (`broadcast`). Each rank gives its tensors in the same order.
 */
export function distributeStatistics(ranks: readonly (readonly Tensor[])[], how: 'reduce' | 'broadcast' = 'reduce'): Tensor[] {
  const [first] = ranks
  if (!first || ranks.some((rank) => rank.length !== first.length))
    throw new ArgumentError(`every rank needs the same statistics, got ${ranks.map((rank) => rank.length).join(', ')} tensors`)
  if (how === 'broadcast') return first.map((tensor) => tensor.alias())
  return first.map((_, i) =>
    scope(() =>
      mul(
        ranks.map((rank) => rank[i]).reduce((sum, tensor) => add(sum, tensor)),
        1 / ranks.length,
      ),
    ),
  )
}
