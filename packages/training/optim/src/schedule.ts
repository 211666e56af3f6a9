import { ArgumentError } from '@scanline/tensor'

/** A learning rate by time, in epochs or in updates from 0. */
export type Schedule = (t: number) => number

export interface Warmup {
  /** Until then the rate rises in a line. */
  readonly length: number
  /** From here. */
  readonly start: number
  /** Whether the schedule starts when warm-up ends, instead of running below it. */
  readonly prefix?: boolean
}

/** A schedule may repeat, each cycle longer and lower by a factor. */
export interface Cycles {
  /** 1 unless told otherwise. After the last one the rate stays at the minimum. */
  readonly limit?: number
  /** Factor of each cycle's length. */
  readonly mul?: number
  /** Factor of each cycle's peak. */
  readonly decay?: number
}

interface Common {
  readonly rate: number
  readonly warmup?: Warmup
}

interface Cyclic extends Common {
  /** Of the first cycle. */
  readonly length: number
  readonly min?: number
  readonly cycles?: Cycles
}

/**
 * Half a cosine from the rate to the minimum, after a warm-up: min + (rate - min)/2 · (1 + cos(π (t/length)^k)). Without
 * `prefix` the warm-up lies over the beginning of the cosine, so that the first value after it is below the peak.
 *
 * @example
 * const rate = cosine({ rate: 4e-3, length: 300, min: 1e-5, warmup: { length: 20, start: 1e-6 } })
 */
export function cosine(options: Cyclic & { readonly k?: number; readonly scaleMin?: boolean }): Schedule {
  const { rate, min = 0, k = 1, scaleMin = false } = options
  return warmedUp(
    options,
    rate,
    cyclic(options, (t, length, fall) => {
      // timm before 0.5.4 lowered the minimum with the peak.
      const low = scaleMin ? min * fall : min
      return low + ((rate * fall - low) / 2) * (1 + Math.cos((Math.PI * t ** k) / length ** k))
    }),
  )
}

/** min + (rate - min) · (1 - (t/length)^k)^power. */
export function polynomial(options: Cyclic & { readonly power?: number; readonly k?: number }): Schedule {
  const { rate, min = 0, power = 0.5, k = 1 } = options
  return warmedUp(
    options,
    rate,
    cyclic(options, (t, length, fall) => min + (rate * fall - min) * (1 - t ** k / length ** k) ** power),
  )
}

/** Along a hyperbolic tangent between `from` and `to`. Its warm-up ends at the value of the curve there. */
export function hyperbolic(options: Cyclic & { readonly from?: number; readonly to?: number }): Schedule {
  const { rate, min = 0, from = -7, to = 3, warmup } = options
  const curve = cyclic(options, (t, length, fall) => {
    const along = t / length
    return min + ((rate * fall - min) / 2) * (1 - Math.tanh(from * (1 - along) + to * along))
  })
  return warmedUp(options, warmup && !warmup.prefix ? curve(warmup.length) : rate, curve)
}

/** Times `factor` after every `every` units. */
export function steps({ rate, every, factor, warmup }: Common & { readonly every: number; readonly factor: number }): Schedule {
  return warmedUp({ warmup }, rate, (t) => rate * factor ** Math.floor(t / every))
}

/** Times `factor` at every milestone, as timm does it: one unit before. */
export function milestones({
  rate,
  at,
  factor,
  warmup,
}: Common & { readonly at: readonly number[]; readonly factor: number }): Schedule {
  return warmedUp({ warmup }, rate, (t) => rate * factor ** at.filter((milestone) => milestone <= t + 1).length)
}

/** Units until a cyclic schedule stays at its minimum. */
export function cycleLength({ length, cycles: { limit = 1, mul = 1 } = {}, warmup }: Omit<Cyclic, 'rate'>): number {
  const all = mul === 1 ? length * limit : Math.floor((-length * (mul ** limit - 1)) / (1 - mul))
  return warmup?.prefix ? all + warmup.length : all
}

/** The line from the start to `peak`, then the schedule. */
function warmedUp({ warmup }: { readonly warmup?: Warmup | undefined }, peak: number, schedule: Schedule): Schedule {
  if (!warmup || warmup.length === 0) return schedule
  const { length, start, prefix = false } = warmup
  if (!(length > 0)) throw new ArgumentError(`a warm-up cannot last ${length}`)
  const rise = (peak - start) / length
  return (t) => (t < length ? start + t * rise : schedule(prefix ? t - length : t))
}

/** The curve of the cycle that `t` lies in: time within it, its length, and what its peak is multiplied by. */
function cyclic(
  { length, min = 0, cycles: { limit = 1, mul = 1, decay = 1 } = {} }: Cyclic,
  curve: (t: number, length: number, fall: number) => number,
): Schedule {
  if (!(length > 0)) throw new ArgumentError(`a schedule cannot have the length ${length}`)
  return (t) => {
    if (mul === 1) {
      const i = Math.floor(t / length)
      return i < limit ? curve(t - i * length, length, decay ** i) : min
    }
    const i = Math.floor(Math.log(1 - (t / length) * (1 - mul)) / Math.log(mul))
    const before = ((1 - mul ** i) / (1 - mul)) * length
    return i < limit ? curve(t - before, mul ** i * length, decay ** i) : min
  }
}
