import { ArgumentError, cast, concat, isFloat, mul, reshape, scope, sum, type Tensor } from '@scanline/tensor'
import { fused } from './fused.js'

export interface EmaOptions {
  /** What the average keeps of itself in an update. */
  readonly decay: number
  /**
   * `plain` averages every entry, counters too (truncated). `newer` is timm's third version: counters are copied, and
   * the first update copies everything.
   */
  readonly kind?: 'plain' | 'newer'
  /** `newer` only: updates before averaging starts. */
  readonly updateAfterStep?: number
  /** `newer` only: the decay rises as max(minDecay, 1 - (1 + s / gamma)^-power) after the start. */
  readonly warmup?: { readonly gamma?: number; readonly power?: number }
  readonly minDecay?: number
}

/**
 * Averaged weights: after every update of the optimizer e ← d e + (1 - d) x for each entry of the state dict, running
 * statistics included.
 */
export interface Ema {
  /** The decay of update number `step`, from 1. */
  decayAt(step: number): number
  /** What an update takes besides tensors. In doubles, as 1 - d has few digits left in float32. */
  scalars(step: number): { readonly decay: number; readonly rest: number }
  update(average: Tensor, value: Tensor, scalars: { readonly decay: Tensor; readonly rest: Tensor }): Tensor
}

/** Throws `ArgumentError` for a decay outside 0 … 1. */
export function ema({ decay, kind = 'plain', updateAfterStep = 0, warmup, minDecay = 0 }: EmaOptions): Ema {
  if (!(decay >= 0 && decay <= 1)) throw new ArgumentError(`the decay of averaged weights must be from 0 to 1, got ${decay}`)
  const decayAt = (step: number): number => {
    if (kind === 'plain') return decay
    const s = Math.max(0, step - updateAfterStep - 1)
    if (s <= 0) return 0
    if (!warmup) return decay
    const { gamma = 1, power = 2 / 3 } = warmup
    return Math.max(Math.min(decay, 1 - (1 + s / gamma) ** -power), minDecay)
  }
  return {
    decayAt,
    scalars: (step) => {
      const d = decayAt(step)
      return { decay: d, rest: 1 - d }
    },
    update: (average, value, scalars) => {
      if (isFloat(average.dtype)) return averaged(average, value, scalars)
      return kind === 'plain' ? averagedCounter(average, value, scalars) : value.alias()
    },
  }
}

type Scalars = Parameters<Ema['update']>[2]

const averaged = (average: Tensor, value: Tensor, { decay, rest }: Scalars): Tensor =>
  fused({ average, value, decay, rest }, (f, x) => f.add(f.mul(x.average, x.decay), f.mul(x.value, x.rest)))

/**
 * In float32 and truncated, as PyTorch does for whole numbers. Which of two neighbours comes out may hang on the rounding
 * of each product, so they are stored before they are summed.
 */
const averagedCounter = (average: Tensor, value: Tensor, { decay, rest }: Scalars): Tensor =>
  scope(() => {
    const pair = (a: Tensor, b: Tensor) =>
      concat(
        [a, b].map((t) => cast(reshape(t, [1, -1]), 'f32')),
        0,
      )
    const summed = sum(mul(pair(average, value), pair(decay, rest)), [0])
    return reshape(cast(summed, average.dtype), average.shape)
  })
