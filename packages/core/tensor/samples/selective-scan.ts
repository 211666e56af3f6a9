import {
  apply,
  exp,
  neg,
  permute,
  type ScanGradAttrs,
  type SelectiveScanOptions,
  selectiveScan,
  selectiveScanGradOp,
  selectiveScanWithState,
  square,
  type Tensor,
} from '@scanline/tensor'
import { of, type Sample, type SampleInput, type View } from './sample.js'

interface Scan {
  readonly batch?: number
  readonly length: number
  readonly channels: number
  readonly states: number
  readonly groups?: number
  readonly reverse?: boolean
  /** Of d, z, deltaBias; all unless told otherwise. Without a bias, delta is taken as it is. */
  readonly extras?: readonly ('d' | 'z' | 'deltaBias')[]
  readonly view?: View
  readonly lastState?: boolean
}

const all = ['d', 'z', 'deltaBias'] as const

function sample(name: string, scan: Scan): Sample {
  const { batch = 2, length, channels, states, groups, extras = all, view, reverse, lastState } = scan
  const sequence = of([batch, length, channels], view && { view })
  const shared = of(groups ? [batch, length, groups, states] : [batch, length, states], view && { view })
  const optional: Record<(typeof all)[number], SampleInput> = { d: of([channels]), z: sequence, deltaBias: of([channels]) }
  return {
    op: 'selectiveScan',
    name,
    inputs: [sequence, sequence, of([channels, states]), shared, shared, ...extras.map((extra) => optional[extra])],
    run: (u, delta, a, b, c, ...rest) => {
      const given = Object.fromEntries(extras.map((extra, i) => [extra, rest[i]]))
      const softplus = extras.includes('deltaBias')
      const options: SelectiveScanOptions = { ...given, deltaSoftplus: softplus, reverse }
      const step: Tensor = softplus ? delta : square(delta)
      // A scan decays: the matrix is negative, and so the state stays of the size of what goes in.
      const rate = neg(exp(a))
      if (!lastState) return selectiveScan(u, step, rate, b, c, options)
      return Object.values(selectiveScanWithState(u, step, rate, b, c, options))
    },
  }
}

const withState = sample('last state, axes exchanged', { length: 9, channels: 6, states: 4, lastState: true })

/** The gradient of the last state arrives with rows that do not follow one another. */
const exchanged: Sample = {
  ...withState,
  run: (...inputs) => {
    const [y, state] = withState.run(...inputs) as Tensor[]
    return [y, permute(state, [1, 0, 2])]
  },
}

export const selectiveScanSamples: readonly Sample[] = [
  ...[0, 1, 2, 7, 33, 49].map((length) => sample(`${length} steps`, { length, channels: 5, states: 4 })),
  ...[1, 2, 3, 5, 8, 16, 17].map((states) => sample(`${states} states`, { length: 7, channels: 6, states })),
  ...[1, 3, 4, 8, 9].map((channels) => sample(`${channels} channels`, { length: 5, channels, states: 3 })),
  sample('no states', { length: 3, channels: 4, states: 0, extras: ['d', 'deltaBias'] }),
  sample('no sequences', { batch: 0, length: 3, channels: 4, states: 2 }),
  sample('196 steps, 16 states', { batch: 1, length: 196, channels: 8, states: 16 }),
  sample('197 steps, 16 states, reverse', { batch: 1, length: 197, channels: 6, states: 16, reverse: true }),
  // Too many to be kept all at once: gradients compute them again in stretches.
  sample('150 states, 70 steps', { batch: 1, length: 70, channels: 3, states: 150 }),
  sample('bare', { length: 9, channels: 7, states: 2, extras: [] }),
  sample('bare, reverse', { length: 9, channels: 4, states: 8, extras: [], reverse: true }),
  sample('without d', { length: 9, channels: 7, states: 4, extras: ['z', 'deltaBias'] }),
  sample('without z', { length: 9, channels: 7, states: 8, extras: ['d', 'deltaBias'] }),
  sample('without bias', { length: 9, channels: 7, states: 4, extras: ['d', 'z'] }),
  sample('two groups', { length: 17, channels: 6, states: 3, groups: 2 }),
  sample('three groups, reverse', { length: 9, channels: 15, states: 5, groups: 3, reverse: true }),
  sample('one group', { length: 5, channels: 4, states: 4, groups: 1 }),
  sample('a group for each channel', { length: 5, channels: 4, states: 4, groups: 4 }),
  sample('192 channels', { batch: 1, length: 5, channels: 192, states: 4 }),
  sample('last state', { length: 9, channels: 6, states: 4, lastState: true }),
  sample('last state, reverse, groups', { length: 9, channels: 6, states: 5, groups: 2, lastState: true, reverse: true }),
  sample('last state of no steps', { length: 0, channels: 3, states: 2, lastState: true }),
  exchanged,
  sample('channel ranges of longer rows', { length: 7, channels: 6, states: 5, view: 'sliced' }),
  sample('every other channel', { length: 7, channels: 5, states: 3, view: 'strided' }),
  sample('channels first', { length: 7, channels: 6, states: 4, view: 'transposed' }),
]

const common = { skip: false, bias: false, softplus: true, lastState: false }

/** The gradient op itself, which the gradients of the samples above also go through. */
const grad = (name: string, length: number, attrs: Omit<ScanGradAttrs, keyof typeof common>): Sample => ({
  op: 'selectiveScanGrad',
  name,
  inputs: [...new Array<SampleInput>(2).fill(of([2, length, 12])), of([12, 5]), of([2, length, 2, 5]), of([2, length, 2, 5])]
    .concat(attrs.gate ? [of([2, length, 12])] : [])
    .concat(of([2, length, 12])),
  run: (u, delta, a, ...more) => apply(selectiveScanGradOp, [u, delta, neg(exp(a)), ...more], { ...common, ...attrs }),
  noGradient: 'first order only',
})

export const selectiveScanGradSamples: readonly Sample[] = [
  grad('one part', 9, { parts: 1, gate: true, reverse: false }),
  grad('two parts', 17, { parts: 2, gate: false, reverse: true }),
  grad('parts of one channel', 3, { parts: 6, gate: true, reverse: true }),
]
