import {
  broadcastTo,
  type DType,
  decode,
  encode,
  Generator,
  permute,
  type Shape,
  sizeOf,
  slice,
  type Tensor,
  transpose,
} from '@scanline/tensor'

/**
 * Values of an input:
 * `normal` standard normal · `positive` from 0.25 to 2 · `special` infinities, NaN, signed zeros, large and tiny numbers
 * between ordinary ones · `sparse` a special value now and then, so that sums keep ordinary results too · `denormal`
 * numbers below the smallest normal f32 · whole numbers in a range · the values themselves, repeated.
 */
export type Fill =
  | 'normal'
  | 'positive'
  | 'special'
  | 'sparse'
  | 'denormal'
  | { readonly from: number; readonly below: number }
  | readonly number[]

/**
 * How the input lies in memory; contiguous without one.
 * `sliced` a range of a longer last axis · `strided` every other element of the last axis · `offset` all but the first
 * row: contiguous, but starting anywhere · `transposed` the last two axes exchanged · `permuted` all axes reversed ·
 * `broadcast` the named axes repeat with stride 0.
 */
export type View = 'sliced' | 'strided' | 'offset' | 'transposed' | 'permuted' | { readonly broadcast: readonly number[] }

export interface SampleInput {
  /** What the function sees, after the view. */
  readonly shape: Shape
  /** f32 unless told otherwise. */
  readonly dtype?: DType
  /** `normal` unless told otherwise. */
  readonly fill?: Fill
  readonly view?: View
}

/**
 * How far a result may be from the double-precision reference: ‖got - want‖ ≤ `l2` · ‖want‖, and for each element
 * |got - want| ≤ `element` · max(|want|, `floor`), where the floor `rms` is the root mean square of what is wanted.
 */
export interface Tolerance {
  readonly l2: number
  readonly element: number
  readonly floor: number | 'rms'
  readonly reason: string
}

/** One use of an op: what conformance, gradient checks and micro-benchmarks run. */
export interface Sample {
  /** An op's name, or `network` for several together. */
  readonly op: string
  /** Unique for the op. */
  readonly name: string
  readonly inputs: readonly SampleInput[]
  run(...inputs: Tensor[]): Tensor | Tensor[]
  /** Why no gradient is checked. Integers and special values have none in any case. */
  readonly noGradient?: string
  /** Why gradients are compared with the reference's only, and not with differences. */
  readonly noDifferences?: string
  /** Why a backend may refuse it with an `UnsupportedError`. */
  readonly optional?: string
  /** Instead of the op's own. */
  readonly tolerance?: Tolerance
}

/** Lengths one off the tile sizes of kernels, with the primes and squares that vision models bring. */
export const awkwardLengths: readonly number[] = [0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 25, 31, 33, 49, 196, 197]

/** Channel counts: the smallest ones, MambaOut's widths, and 341, the odd hidden width of its largest variant. */
export const channelCounts: readonly number[] = [1, 2, 3, 4, 5, 7, 8, 9, 24, 48, 96, 341]

export const specialValues: readonly number[] = [
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.NaN,
  0,
  -0,
  1e4,
  -1e4,
  1e-30,
  -1e-30,
  1,
  -1,
  0.5,
  -2.5,
]

const denormalValues: readonly number[] = [1e-40, -1e-40, 2 ** -149, -(2 ** -149), 1e-38, 2 ** -126, 0, 1]

/** An input, for short. */
export const of = (shape: Shape, rest: Omit<SampleInput, 'shape'> = {}): SampleInput => ({ shape, ...rest })

/** The shape of the tensor that an input is a view of. */
export function baseShape({ shape, view }: SampleInput): number[] {
  const last = shape.length - 1
  if (view === undefined) return [...shape]
  if (view === 'sliced') return shape.map((d, i) => (i === last ? d + 3 : d))
  if (view === 'strided') return shape.map((d, i) => (i === last ? 2 * d : d))
  if (view === 'offset') return shape.map((d, i) => (i === 0 ? d + 1 : d))
  if (view === 'transposed') return [...shape.slice(0, -2), shape[last], shape[last - 1]]
  if (view === 'permuted') return [...shape].reverse()
  return shape.map((d, i) => (view.broadcast.includes(i) ? 1 : d))
}

/** The input itself from the tensor that it is a view of. */
export function viewed({ shape, view }: SampleInput, base: Tensor): Tensor {
  if (view === undefined) return base
  const last = shape.length - 1
  if (view === 'sliced') return slice(base, -1, 2, 2 + shape[last])
  if (view === 'strided') return slice(base, -1, 0, 2 * shape[last], 2)
  if (view === 'offset') return slice(base, 0, 1)
  if (view === 'transposed') return transpose(base)
  if (view === 'permuted')
    return permute(
      base,
      shape.map((_, i) => last - i),
    )
  return broadcastTo(base, shape)
}

/** The sample as a function of the tensors that its inputs are views of. */
export const runOnBases =
  ({ inputs, run }: Sample): ((...bases: Tensor[]) => Tensor[]) =>
  (...bases) =>
    [run(...bases.map((base, i) => viewed(inputs[i], base)))].flat()

/** The values of every input's base, each exact in the input's type; the same on every call. */
export function baseValues(sample: Sample): Float64Array[] {
  return sample.inputs.map((input, i) => {
    const random = new Generator(hash(`${sample.op} ${sample.name} ${i}`))
    const { fill = 'normal', dtype = 'f32' } = input
    const values = Float64Array.from({ length: sizeOf(baseShape(input)) }, (_, at) => element(fill, at, random))
    return decode(dtype, encode(dtype, values))
  })
}

function element(fill: Fill, at: number, random: Generator): number {
  if (fill === 'normal') return random.normal()
  if (fill === 'positive') return 0.25 + 1.75 * random.uniform()
  if (fill === 'special') return at % 2 === 0 ? specialValues[(at / 2) % specialValues.length] : random.normal()
  if (fill === 'sparse') return at % 41 === 17 ? specialValues[Math.floor(at / 41) % specialValues.length] : random.normal()
  if (fill === 'denormal') return denormalValues[at % denormalValues.length]
  if ('from' in fill) return fill.from + Math.floor((fill.below - fill.from) * random.uniform())
  return fill[at % fill.length]
}

/** A whole number from 0 to 2^32 - 1 for a text (FNV-1a). */
export function hash(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return h >>> 0
}
