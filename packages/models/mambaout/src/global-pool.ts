import { ArgumentError, add, max, mean, mul, scope, type Tensor } from '@scanline/tensor'

/** How a feature map becomes one vector: mean, maximum, half the sum of both, or not at all. */
export type GlobalPool = 'avg' | 'max' | 'avgmax' | ''

const pools: Readonly<Record<GlobalPool, (x: Tensor) => Tensor>> = {
  avg: (x) => mean(x, [1, 2]),
  max: (x) => max(x, [1, 2]),
  avgmax: (x) => scope(() => mul(add(mean(x, [1, 2]), max(x, [1, 2])), 0.5)),
  '': (x) => x.alias(),
}

/** Throws `ArgumentError` for an unknown name. */
export function checkPool(pool: GlobalPool): GlobalPool {
  if (Object.hasOwn(pools, pool)) return pool
  throw new ArgumentError(
    `globalPool "${pool}" is unknown; there are ${Object.keys(pools)
      .map((p) => `"${p}"`)
      .join(', ')}`,
  )
}

/** [N, H, W, C] → [N, C], or another handle of the map. */
export const pooled = (x: Tensor, pool: GlobalPool): Tensor => pools[pool](x)
