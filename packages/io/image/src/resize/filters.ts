/** A resampling filter: zero beyond `support` pixels from its centre. */
export interface Filter {
  readonly support: number
  readonly weight: (x: number) => number
}

export type FilterName = 'nearest' | 'box' | 'bilinear' | 'hamming' | 'bicubic' | 'lanczos'

/** Pillow writes these two as f32 constants. */
const HAMMING_0 = Math.fround(0.54)
const HAMMING_1 = Math.fround(0.46)

/** Cubic convolution with a = -0.5 (Keys 1981). Rotations and position tables use other values. */
const CUBIC = -0.5

function sinc(x: number): number {
  if (x === 0) return 1
  const t = x * Math.PI
  return Math.sin(t) / t
}

/** Pillow's filters; `nearest` has a rule of its own. Specification: preprocessing 2. */
export const FILTERS: Record<Exclude<FilterName, 'nearest'>, Filter> = {
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  hamming: {
    support: 1,
    weight: (x) => {
      const d = Math.abs(x)
      return d === 0 ? 1 : d >= 1 ? 0 : sinc(d) * (HAMMING_0 + HAMMING_1 * Math.cos(Math.PI * d))
    },
  },
  bicubic: {
    support: 2,
    weight: (x) => {
      const d = Math.abs(x)
      if (d < 1) return ((CUBIC + 2) * d - (CUBIC + 3)) * d * d + 1
      return d < 2 ? (((d - 5) * d + 8) * d - 4) * CUBIC : 0
    },
  },
  lanczos: { support: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
}
