import { bidirectionalScan, exp, neg, type ScanDirection, square, type Tensor } from '@scanline/tensor'
import { of, type Sample, type SampleInput, type View } from './sample.js'

interface Scan {
  readonly batch?: number
  readonly length: number
  readonly channels: number
  /** Of each direction, where they differ. */
  readonly states: number | readonly [number, number]
  readonly groups?: number
  /** Of d, deltaBias, z; all unless told otherwise. Without a bias, delta is taken as it is. */
  readonly extras?: readonly ('d' | 'deltaBias' | 'z')[]
  readonly scale?: number
  /** Both directions scan the same tensors, with rates of their own. */
  readonly shared?: boolean
  readonly view?: View
}

function sample(name: string, scan: Scan): Sample {
  const { batch = 2, length, channels, states, groups, extras = ['d', 'deltaBias', 'z'], scale, shared = false, view } = scan
  const sequence = of([batch, length, channels], view && { view })
  const has = (extra: 'd' | 'deltaBias' | 'z') => extras.includes(extra)
  const direction = (s: number): SampleInput[] => {
    const row = of(groups ? [batch, length, groups, s] : [batch, length, s], view && { view })
    const vectors = (['d', 'deltaBias'] as const).filter(has).map(() => of([channels]))
    return [sequence, sequence, of([channels, s]), row, row, ...vectors]
  }
  const [first, second] = typeof states === 'number' ? [states, states] : states
  const inputs = [
    ...direction(first),
    ...(shared ? [of([channels, second])] : direction(second)),
    ...(has('z') ? [sequence] : []),
  ]
  const count = direction(first).length
  const named = ([u, delta, a, b, c, ...rest]: readonly Tensor[]): ScanDirection => ({
    u,
    delta: has('deltaBias') ? delta : square(delta),
    a: neg(exp(a)),
    b,
    c,
    d: has('d') ? rest[0] : undefined,
    deltaBias: has('deltaBias') ? rest[rest.length - 1] : undefined,
  })
  return {
    op: 'bidirectionalScan',
    name,
    inputs,
    run: (...tensors) => {
      const forward = named(tensors.slice(0, count))
      const backward = shared ? { ...forward, a: neg(exp(tensors[count])) } : named(tensors.slice(count, 2 * count))
      const z = has('z') ? tensors[tensors.length - 1] : undefined
      return bidirectionalScan(forward, backward, { z, deltaSoftplus: has('deltaBias'), scale })
    },
  }
}

export const bidirectionalScanSamples: readonly Sample[] = [
  ...[0, 1, 2, 7, 16, 17, 33].map((length) => sample(`${length} steps`, { length, channels: 5, states: 4 })),
  ...[1, 4, 8, 15, 16, 17, 37].map((channels) => sample(`${channels} channels`, { length: 5, channels, states: 3, scale: 0.5 })),
  sample('197 steps, 16 states', { batch: 1, length: 197, channels: 6, states: 16, scale: 0.5 }),
  sample('other states', { length: 7, channels: 6, states: [2, 9] }),
  sample('no states', { length: 3, channels: 4, states: 0 }),
  sample('no sequences', { batch: 0, length: 3, channels: 4, states: 2 }),
  sample('bare', { length: 9, channels: 7, states: 2, extras: [] }),
  sample('without z', { length: 9, channels: 7, states: 8, extras: ['d', 'deltaBias'], scale: -2 }),
  sample('without d and bias', { length: 9, channels: 7, states: 4, extras: ['z'] }),
  sample('three groups', { length: 9, channels: 15, states: 5, groups: 3 }),
  sample('two groups of many channels', { batch: 1, length: 5, channels: 40, states: 3, groups: 2 }),
  sample('shared inputs', { length: 9, channels: 6, states: 5, shared: true }),
  sample('channel ranges of longer rows', { length: 7, channels: 6, states: 5, view: 'sliced', scale: 0.5 }),
  sample('every other channel', { length: 7, channels: 5, states: 3, view: 'strided' }),
  sample('channels first', { length: 7, channels: 6, states: 4, view: 'transposed' }),
]
