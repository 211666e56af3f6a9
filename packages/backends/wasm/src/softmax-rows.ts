import { type OpCall, sizeOf } from '@scanline/tensor'
import { type FunctionBuilder, f32x4, type Local, type Value } from './assembler/index.js'
import { type KernelBuilder, type Split, split } from './kernel.js'
import { collapse, element, offsets } from './layout.js'
import { innermostContiguous, packInputs } from './pack-inputs.js'
import { refuseTypes } from './refuse.js'
import { exp } from './vector-math.js'
import { eachVector, fold, foldLanes, keepLanes, type Spot, sumLanes } from './vectors.js'

export interface SoftmaxParams extends Split {
  readonly length: number
  readonly dims: readonly number[]
  readonly strides: readonly number[]
}

const unroll = 2

/** The launch of a kernel that works on rows of the last axis. */
export function selectRows(kernel: string, call: OpCall) {
  const refusal = refuseTypes(call, ['f32'])
  if (refusal) return refusal
  const [x] = call.inputs
  const length = x.shape.at(-1) ?? 1
  const outer = x.shape.slice(0, -1)
  const { dims, strides } = innermostContiguous(x)
    ? collapse(outer, [x.strides.slice(0, -1)])
    : { dims: [sizeOf(outer)], strides: [[length]] }
  return {
    kernel,
    params: { ...split(length === 0 ? 0 : sizeOf(outer), 40 + length * 8), length, dims, strides: strides[0] },
    ...packInputs(call.inputs, (t) => !innermostContiguous(t)),
  }
}

/** A function that calls `visit` for each row, with its start in the input and the output, and its largest element in every lane. */
export function eachRow(
  k: KernelBuilder,
  { length, dims, strides }: SoftmaxParams,
  visit: (f: FunctionBuilder, source: Local<'i32'>, target: Local<'i32'>, peak: Local<'v128'>) => void,
) {
  return k.define(2, (f, [x, output], { begin, end }) => {
    const accumulators = Array.from({ length: unroll }, () => f.local('v128'))
    f.for(begin, end, 1, (row) => {
      const [from] = offsets(f, row, dims, [strides])
      const source = f.let(element(x, from, 4))
      const lowest = f32x4.const(Number.NEGATIVE_INFINITY)
      for (const largest of accumulators) f.set(largest, lowest)
      eachVector(f, length, unroll, (spot) => {
        const largest = accumulators[spot.slot % unroll]
        // A NaN may be passed over here: it comes back with the sum of the powers.
        f.set(largest, f32x4.pmax(largest, keepLanes(spot.load(source), lowest, spot.lanes)))
      })
      const peak = foldLanes(f, fold(accumulators, f32x4.pmax), f32x4.pmax)
      visit(f, source, f.let(element(output, row, 4 * length)), peak)
    })
  })
}

/** The sum of e^(x - peak) over a row; `each` sees every power. */
export function sumPowers(
  k: KernelBuilder,
  f: FunctionBuilder,
  length: number,
  source: Local<'i32'>,
  peak: Local<'v128'>,
  each: (power: Local<'v128'>, spot: Spot) => void = () => {},
): Value<'f32'> {
  const zero = f32x4.const(0)
  const accumulators = Array.from({ length: unroll }, () => f.let<'v128'>(zero))
  eachVector(f, length, unroll, (spot) => {
    const power = f.let(exp(k, f, f.let(f32x4.sub(spot.load(source), peak))))
    each(power, spot)
    const sum = accumulators[spot.slot % unroll]
    f.set(sum, f32x4.add(sum, keepLanes(power, zero, spot.lanes)))
  })
  return sumLanes(f, fold(accumulators, f32x4.add))
}
