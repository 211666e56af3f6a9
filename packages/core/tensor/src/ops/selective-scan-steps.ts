import type { NdArray } from '../op.js'
import type { Shape } from '../shape.js'

/** Which of the optional inputs follow u, delta, a, b, c, in this order, and how the scan runs. */
export type ScanAttrs = {
  readonly skip: boolean
  readonly gate: boolean
  readonly bias: boolean
  readonly softplus: boolean
  /** From the last position to the first. */
  readonly reverse: boolean
  /** A second output: the state after the last step. */
  readonly lastState: boolean
}

/** The inputs of a scan by name, and those that follow them. */
export function scanOperands<T>(inputs: readonly T[], { skip, gate, bias }: Pick<ScanAttrs, 'skip' | 'gate' | 'bias'>) {
  const [u, delta, a, b, c, ...rest] = inputs
  return {
    u,
    delta,
    a,
    b,
    c,
    d: skip ? rest.shift() : undefined,
    z: gate ? rest.shift() : undefined,
    deltaBias: bias ? rest.shift() : undefined,
    rest,
  }
}

/** Sizes of a scan. Channel k belongs to group floor(k / (channels / groups)). */
export function scanSizes(u: { readonly shape: Shape }, a: { readonly shape: Shape }, b: { readonly shape: Shape }) {
  const [batch, length, channels] = u.shape
  return { batch, length, channels, states: a.shape[1], groups: b.shape.length === 4 ? b.shape[2] : 1 }
}

/** One position of one channel, with `delta` after bias and softplus and `raw` before softplus. */
export interface ScanStep {
  /** Flat position in u, delta and z; and of the group's row in b and c. */
  readonly at: number
  readonly shared: number
  readonly u: number
  readonly raw: number
  readonly delta: number
  readonly z: number | undefined
  readonly row: { readonly b: Float64Array; readonly c: Float64Array }
}

export interface ScanChannel {
  readonly batch: number
  readonly channel: number
  /** Flat position of the channel's state in [N, D, S]. */
  readonly state: number
  /** The channel's row of a. */
  readonly rate: Float64Array
  readonly skip: number
  /** In the order of the scan. */
  steps(): ScanStep[]
}

/** Visits every channel of every sequence. */
export function eachChannel(
  inputs: readonly NdArray[],
  attrs: Omit<ScanAttrs, 'lastState'>,
  visit: (channel: ScanChannel) => void,
): void {
  const { u, delta, a, b, c, d, z, deltaBias } = scanOperands(inputs, attrs)
  const { batch, length, channels, states, groups } = scanSizes(u, a, b)
  for (let n = 0; n < batch; n++)
    for (let channel = 0; channel < channels; channel++) {
      const group = Math.floor(channel / (channels / groups))
      const step = (i: number): ScanStep => {
        const position = n * length + (attrs.reverse ? length - 1 - i : i)
        const at = position * channels + channel
        const shared = (position * groups + group) * states
        const raw = delta.data[at] + (deltaBias?.data[channel] ?? 0)
        return {
          at,
          shared,
          u: u.data[at],
          raw,
          delta: !attrs.softplus || raw > 20 ? raw : Math.log1p(Math.exp(raw)),
          z: z?.data[at],
          row: { b: b.data.subarray(shared, shared + states), c: c.data.subarray(shared, shared + states) },
        }
      }
      visit({
        batch: n,
        channel,
        state: (n * channels + channel) * states,
        rate: a.data.subarray(channel * states, (channel + 1) * states),
        skip: d?.data[channel] ?? 0,
        steps: () => Array.from({ length }, (_, i) => step(i)),
      })
    }
}
