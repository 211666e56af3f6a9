import type { Tensor } from '@scanline/tensor'
import type { StateSource, StateValue } from './load-state.js'

/**
 * Entries, and a zero for each `num_batches_tracked` of `target` that they lack: files written before PyTorch 0.4.1, and by
 * tools that take counters for no weights, have none.
 */
export function withBatchCounters(source: StateSource, target: ReadonlyMap<string, Tensor>): [string, StateValue][] {
  const entries = [...source].map(([name, value]): [string, StateValue] => [name, value])
  const given = new Set(entries.map(([name]) => name))
  for (const [name, { shape }] of target)
    if (name.endsWith('num_batches_tracked') && !given.has(name)) entries.push([name, { shape, data: [0] }])
  return entries
}
