import type { Lifetime, MemoryPlan } from './lifetimes.js'

/**
 * Whole buffers, each holding one value at a time, for devices that track usage per buffer (WebGPU). In order of their
 * birth, each value takes the free buffer that fits most closely, or enlarges the largest free one, or opens a new one.
 */
export function planBuffers(lifetimes: readonly Lifetime[]): MemoryPlan {
  const slots: { bytes: number; busyUntil: number }[] = []
  const places = lifetimes.map(() => ({ slot: 0, offset: 0 }))
  const order = lifetimes
    .map((_, i) => i)
    .sort((a, b) => lifetimes[a].first - lifetimes[b].first || lifetimes[b].bytes - lifetimes[a].bytes || a - b)
  for (const i of order) {
    const { bytes, first, last } = lifetimes[i]
    const free = slots.map((slot, index) => ({ slot, index })).filter(({ slot }) => slot.busyUntil < first)
    const fitting = free.filter(({ slot }) => slot.bytes >= bytes).sort((a, b) => a.slot.bytes - b.slot.bytes)[0]
    const chosen = fitting ??
      free.sort((a, b) => b.slot.bytes - a.slot.bytes)[0] ?? { slot: { bytes: 0, busyUntil: -1 }, index: slots.length }
    slots[chosen.index] = { bytes: Math.max(chosen.slot.bytes, bytes), busyUntil: last }
    places[i] = { slot: chosen.index, offset: 0 }
  }
  return { slots: slots.map((slot) => slot.bytes), places }
}
