import { alignUp, type Lifetime, type MemoryPlan, overlaps } from './lifetimes.js'

/**
 * One slot for everything: values that are alive together get ranges that do not meet. Largest first, each at the lowest
 * offset that is free for its whole life (as XNNPACK's planner; greedy by size is within a few percent of optimal:
 * Pisarchyk & Lee, arXiv 2001.03288).
 */
export function planArena(lifetimes: readonly Lifetime[], alignment: number): MemoryPlan {
  const places = lifetimes.map(() => ({ slot: 0, offset: 0 }))
  const placed: { life: Lifetime; from: number; to: number }[] = []
  const order = lifetimes.map((_, i) => i).sort((a, b) => lifetimes[b].bytes - lifetimes[a].bytes || a - b)
  for (const i of order) {
    const life = lifetimes[i]
    if (life.bytes === 0) continue
    const taken = placed.filter((p) => overlaps(p.life, life)).sort((a, b) => a.from - b.from)
    let offset = 0
    for (const { from, to } of taken) {
      if (offset + life.bytes <= from) break
      offset = Math.max(offset, alignUp(to, alignment))
    }
    places[i] = { slot: 0, offset }
    placed.push({ life, from: offset, to: offset + life.bytes })
  }
  const bytes = placed.reduce((n, { to }) => Math.max(n, to), 0)
  // Empty tensors are read too, so they need a slot to be bound to.
  return { slots: lifetimes.length > 0 ? [bytes] : [], places }
}
