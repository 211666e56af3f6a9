/**
 * The drop path of every block, by stage: `rate` · n / (blocks - 1) for block n counted over all stages, so 0 for the
 * first and `rate` for the last.
 */
export function dropPathSchedule(depths: readonly number[], rate: number): number[][] {
  const last = depths.reduce((n, depth) => n + depth, 0) - 1
  let n = 0
  return depths.map((depth) => Array.from({ length: depth }, () => (last > 0 ? (rate * n++) / last : 0)))
}
