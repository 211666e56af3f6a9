import { ArgumentError, cast, isFloat, scope, type Tensor } from '@scanline/tensor'
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
 * In float32 and truncated, as PyTorch does for whole numbers. The last factor stands for PyTorch's rounding of each
 * product, without which 0.9 · 100 + 0.1 · 110 would be a little less than 101 where operations are fused.
 */
const averagedCounter = (average: Tensor, value: Tensor, { decay, rest }: Scalars): Tensor =>
  scope(() => {
    const [a, b, d, r] = [average, value, decay, rest].map((t) => cast(t, 'f32'))
    const sum = fused({ a, b, d, r }, (f, x) => f.mul(f.add(f.mul(x.a, x.d), f.mul(x.b, x.r)), 1 + 2 ** -22))
    return cast(sum, average.dtype)
  })
