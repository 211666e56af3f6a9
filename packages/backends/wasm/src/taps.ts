import { type FunctionBuilder, i32, type Local, maxS, minS, type Operand, type Value } from './assembler/index.js'
import { offsets } from './layout.js'

/** A kernel sliding along one axis. */
export interface SlidingAxis {
  /** Of the input and of the output. */
  readonly length: number
  readonly out: number
  readonly taps: number
  /** Padding in front. */
  readonly before: number
  readonly stride: number
  readonly dilation: number
}

interface Geometry {
  readonly kernel: readonly [number, number]
  readonly stride: readonly [number, number]
  readonly padding: readonly [number, number, number, number]
  readonly dilation: readonly [number, number]
}

/** The vertical and the horizontal axis of a window over [height, width] that gives [outHeight, outWidth]. */
export const slidingAxes = (
  { kernel, stride, padding, dilation }: Geometry,
  input: readonly number[],
  output: readonly number[],
): [SlidingAxis, SlidingAxis] => {
  const axis = (i: 0 | 1): SlidingAxis => ({
    length: input[i],
    out: output[i],
    taps: kernel[i],
    before: padding[2 * i],
    stride: stride[i],
    dilation: dilation[i],
  })
  return [axis(0), axis(1)]
}

/** `index` taken apart into coordinates of `dims`. */
export const coordinates = (f: FunctionBuilder, index: Local<'i32'>, dims: readonly number[]): Local<'i32'>[] =>
  offsets(
    f,
    index,
    dims,
    dims.map((_, axis) => dims.map((_, other) => (axis === other ? 1 : 0))),
  )

export interface TapRange {
  /** Input position under tap 0; outside the input where the padding is. */
  readonly origin: Local<'i32'>
  /** Taps from `first` up to but excluding `end` lie inside. */
  readonly first: Operand<'i32'>
  readonly end: Operand<'i32'>
}

/** The taps of output position `o` that lie inside the input. */
export function tapsInside(f: FunctionBuilder, o: Local<'i32'>, axis: SlidingAxis): TapRange {
  const { length, out, taps, before, stride, dilation } = axis
  const origin = f.let(i32.sub(i32.mul(o, stride), before))
  const countTo = (distance: Value<'i32'>) => i32.div_u(i32.add(distance, dilation - 1), dilation)
  const reachesIn = before === 0
  const endsIn = (out - 1) * stride - before + (taps - 1) * dilation < length
  const first = reachesIn ? 0 : f.let(countTo(maxS(i32.sub(0, origin), 0)))
  if (endsIn) return { origin, first, end: taps }
  const past = f.let(countTo(maxS(i32.sub(length, origin), 0)))
  return { origin, first, end: f.let(minS(past, taps)) }
}

/** Visits every (tap, output position) whose window has that tap on input position `i`, taps in order. */
export function eachTapOn(
  f: FunctionBuilder,
  i: Local<'i32'>,
  { out, taps, before, stride, dilation }: SlidingAxis,
  visit: (tap: Local<'i32'>, o: Local<'i32'>) => void,
): void {
  const shifted = f.let(i32.add(i, before))
  if (stride === 1) {
    const past = f.let(maxS(i32.sub(shifted, out - 1), 0))
    const first = f.let(i32.div_u(i32.add(past, dilation - 1), dilation))
    const end = f.let(minS(i32.add(f.let(i32.div_u(shifted, dilation)), 1), taps))
    f.for(first, end, 1, (tap) => visit(tap, f.let(i32.sub(shifted, i32.mul(tap, dilation)))))
    return
  }
  // With dilation 1 only every `stride`-th tap meets an output position exactly.
  const exact = dilation === 1
  f.for(exact ? f.let(i32.rem_u(shifted, stride)) : 0, taps, exact ? stride : 1, (tap) => {
    const distance = f.let(i32.sub(shifted, i32.mul(tap, dilation)))
    const o = f.let(i32.div_s(distance, stride))
    const meets = exact ? i32.const(1) : i32.eq(i32.mul(o, stride), distance)
    f.if(i32.and(i32.lt_u(o, out), meets), () => visit(tap, o))
  })
}
