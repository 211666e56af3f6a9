import {
  type FunctionBuilder,
  f32,
  f32x4,
  f64,
  f64x2,
  i8x16,
  i32,
  type Local,
  type Operand,
  type Value,
  v128,
} from './assembler/index.js'

type Vector = Value<'v128'>

/** Four neighbouring elements of a row, or the fewer that its end leaves. */
export interface Spot {
  /** How many elements, 1 to 4. */
  readonly lanes: number
  /** Counts up within one round of the loop, to pick an accumulator. */
  readonly slot: number
  /** Where they lie in the row at `pointer`, up to the constant `offset`. */
  address(pointer: Operand<'i32'>, bytes?: number): Value<'i32'>
  offset(bytes?: number): number
  /** Four f32 there; those past the end are whatever follows. */
  load(pointer: Operand<'i32'>): Vector
}

/** Rounds that are written out rather than looped over. */
const straight = 16

/**
 * Visits a row of `length` elements four at a time: `unroll` visits a round, then the rest. Rows of up to 16 vectors get
 * no loop at all.
 */
export function eachVector(f: FunctionBuilder, length: number, unroll: number, visit: (spot: Spot) => void): void {
  const whole = Math.floor(length / 4)
  const spot = (base: Local<'i32'> | undefined, vector: number, slot: number, lanes = 4): Spot => ({
    lanes,
    slot,
    address: (pointer, bytes = 4) => (base ? i32.add(pointer, i32.mul(base, bytes)) : i32.add(pointer)),
    offset: (bytes = 4) => 4 * bytes * vector,
    load: (pointer) => v128.load(base ? i32.add(pointer, i32.mul(base, 4)) : pointer, 16 * vector),
  })
  const looped = whole <= straight ? 0 : whole - (whole % unroll)
  if (looped > 0) {
    f.for(0, 4 * looped, 4 * unroll, (base) => {
      for (let u = 0; u < unroll; u++) visit(spot(base, u, u))
    })
  }
  for (let vector = looped; vector < whole; vector++) visit(spot(undefined, vector, vector - looped))
  if (length % 4 > 0) visit(spot(undefined, whole, whole - looped, length % 4))
}

/** Channels that are worked on together where a loop over taps lies inside: a cache line, in four registers. */
const groupSize = 16

/** Visits channels in groups of up to 16, given the first of the group and the lanes used in each of its vectors. */
export function eachGroup(
  f: FunctionBuilder,
  channels: number,
  visit: (channel: Operand<'i32'>, lanes: readonly number[]) => void,
): void {
  const rest = channels % groupSize
  f.for(0, channels - rest, groupSize, (channel) => visit(channel, [4, 4, 4, 4]))
  const lanes = [0, 4, 8, 12].filter((at) => at < rest).map((at) => Math.min(4, rest - at))
  if (rest > 0) visit(channels - rest, lanes)
}

/** The first `lanes` lanes of `a`, the others of `b`. */
export const keepLanes = (a: Vector, b: Vector, lanes: number): Vector =>
  lanes === 4
    ? a
    : i8x16.shuffle(
        a,
        b,
        bytes((i) => (i < lanes ? i : 4 + i)),
      )

/** The byte indices of a shuffle of 32-bit lanes: 0 to 3 pick from the first vector, 4 to 7 from the second. */
export const bytes = (lane: (i: number) => number): number[] =>
  Array.from({ length: 16 }, (_, at) => 4 * lane(at >> 2) + (at & 3))

const swapPairs = bytes((i) => [2, 3, 0, 1][i])
const swapNeighbours = bytes((i) => [1, 0, 3, 2][i])

/** Lane 0 holds `combine` over all lanes (as do the others, where it commutes). */
export function foldLanes(f: FunctionBuilder, x: Vector, combine: (a: Vector, b: Vector) => Vector): Local<'v128'> {
  const all = f.let(x)
  f.set(all, combine(all, i8x16.shuffle(all, all, swapPairs)))
  f.set(all, combine(all, i8x16.shuffle(all, all, swapNeighbours)))
  return all
}

/** The sum of the four lanes, as f32. */
export const sumLanes = (f: FunctionBuilder, x: Vector): Value<'f32'> => f32x4.extract(foldLanes(f, x, f32x4.add), 0)

/** `combine` over a list, pairwise. */
export function fold<T>(list: readonly T[], combine: (a: T, b: T) => T): T {
  if (list.length === 1) return list[0]
  const half = list.length >> 1
  return combine(fold(list.slice(0, half), combine), fold(list.slice(half), combine))
}

/** Four running sums in double precision, to which f32 sums of short stretches are added. */
export class WideSum {
  readonly #f: FunctionBuilder
  readonly #low: Local<'v128'>
  readonly #high: Local<'v128'>

  constructor(f: FunctionBuilder) {
    this.#f = f
    this.#low = f.let<'v128'>(f64x2.const(0))
    this.#high = f.let<'v128'>(f64x2.const(0))
  }
  add(x: Local<'v128'>): void {
    this.#f.set(this.#low, f64x2.add(this.#low, f64x2.promote_low_f32x4(x)))
    const upper = i8x16.shuffle(x, x, swapPairs)
    this.#f.set(this.#high, f64x2.add(this.#high, f64x2.promote_low_f32x4(upper)))
  }
  /** The four sums times `scale`, as f32. */
  lanes(scale = 1): Vector {
    const narrow = (x: Local<'v128'>) => f32x4.demote_f64x2_zero(scale === 1 ? x : f64x2.mul(x, f64x2.const(scale)))
    return i8x16.shuffle(
      narrow(this.#low),
      narrow(this.#high),
      bytes((i) => [0, 1, 4, 5][i]),
    )
  }
  /** The sum of all four divided by `divisor`, as f32. */
  total(divisor = 1): Value<'f32'> {
    const pair = this.#f.let(f64x2.add(this.#low, this.#high))
    const sum = f64.add(f64x2.extract(pair, 0), f64x2.extract(pair, 1))
    return f32.demote_f64(divisor === 1 ? sum : f64.div(sum, divisor))
  }
}
