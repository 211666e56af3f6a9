import {
  type Attrs,
  contiguousStrides,
  type OpCall,
  type ScanAttrs,
  scanOperands,
  scanSizes,
  type TensorSpec,
} from '@scanline/tensor'
import { type FunctionBuilder, f32x4, i32, type Local, type Operand, type Value, v128 } from './assembler/index.js'
import type { KernelBuilder } from './kernel.js'
import { element } from './layout.js'
import { innermostContiguous, packInputs } from './pack-inputs.js'
import { sigmoid, softplus as softplusOf } from './vector-math.js'
import { keepLanes } from './vectors.js'

type Vector = Value<'v128'>

/** Strides of the outer axes, in bytes: batch and position, and of b and c the group. */
type Outer = readonly number[]

export type ScanParams = ScanAttrs & {
  readonly batch: number
  readonly length: number
  readonly channels: number
  readonly groups: number
  readonly states: number
  /** Of every input, in order. */
  readonly outer: readonly Outer[]
}

/**
 * What the kernels of a selective scan have in common: sizes, where inputs lie, and which of them must be packed, as input
 * number `packed` must in any case: it is no sequence.
 */
export function selectScan(call: OpCall, packed?: number) {
  const attrs = call.attrs as Attrs as ScanAttrs
  const { u, a, b } = scanOperands(call.inputs, attrs)
  const outer = call.inputs.map(outerStrides)
  const { skip, gate, bias, softplus, reverse, lastState } = attrs
  return {
    params: { ...scanSizes(u, a, b), skip, gate, bias, softplus, reverse, lastState, outer },
    ...packInputs(call.inputs, (x, input) => !isPacked(x) && (input === packed || !direct(x))),
  }
}

// Neighbouring channels are read as vectors, rows of b and c as runs; a, d and the bias are small.
const direct = (x: TensorSpec) => x.shape.length > 2 && innermostContiguous(x)

const outerStrides = (x: TensorSpec): Outer =>
  (direct(x) ? x.strides : contiguousStrides(x.shape)).slice(0, -1).map((stride) => 4 * stride)

/** Where one more sequence [N, L, D] lies, input number `input`. */
export const sequenceLayout = (x: TensorSpec, input: number) => ({
  outer: outerStrides(x),
  prepare: (packInputs([x], (t) => !direct(t)).prepare ?? []).map((one) => ({ ...one, input })),
})

/** Its rows at a spot. */
export const sequenceAt = (f: FunctionBuilder, pointer: Local<'i32'>, outer: Outer, { image, channel }: Spot): Sequence => ({
  from: f.let(i32.add(pointer, i32.mul(image, outer[0]), i32.mul(channel, 4))),
  stride: outer[1],
})

const isPacked = ({ shape, strides }: TensorSpec) => contiguousStrides(shape).every((s, i) => s === strides[i] || shape[i] === 1)

/** Where a scan works: one sequence, four channels (or the fewer that end a group), and the group's rows. */
export interface Spot {
  readonly image: Local<'i32'>
  readonly group: Operand<'i32'>
  readonly channel: Local<'i32'>
  readonly lanes: number
}

/** Reads of the inputs at a spot. */
export class ScanReader {
  readonly #f: FunctionBuilder
  readonly #params: ScanParams
  readonly #spot: Spot
  readonly #inputs: ReturnType<typeof scanOperands<{ pointer: Local<'i32'>; outer: Outer }>>

  constructor(f: FunctionBuilder, params: ScanParams, pointers: readonly Local<'i32'>[], spot: Spot) {
    this.#f = f
    this.#params = params
    this.#spot = spot
    const list = params.outer.map((outer, i) => ({ pointer: pointers[i], outer }))
    this.#inputs = scanOperands(list, params)
  }

  /** Addresses at position 0 of the inputs that step along the sequence. */
  start(name: 'u' | 'delta' | 'z' | 'b' | 'c'): Sequence {
    return this.#sequence(this.#inputs[name]!, name === 'b' || name === 'c')
  }

  /** Of the inputs that follow the scan's own. */
  rest(index: number): Sequence {
    return this.#sequence(this.#inputs.rest[index], false)
  }

  /** Address of what follows the scan's own inputs. */
  restPointer(index: number): Local<'i32'> {
    return this.#inputs.rest[index].pointer
  }

  #sequence({ pointer, outer }: { pointer: Local<'i32'>; outer: Outer }, shared: boolean): Sequence {
    const { image, group, channel } = this.#spot
    const inner = shared ? (outer.length > 2 ? i32.mul(group, outer[2]) : i32.const(0)) : i32.mul(channel, 4)
    return { from: this.#f.let(i32.add(i32.add(pointer, i32.mul(image, outer[0])), inner)), stride: outer[1] }
  }

  /** Where a vector over channels starts; it must be there. */
  address(name: 'd' | 'deltaBias'): Value<'i32'> {
    return this.#f.let(element(this.#inputs[name]!.pointer, this.#spot.channel, 4))
  }

  /** d or the bias of the four channels; zeros without one. */
  vector(name: 'd' | 'deltaBias'): Local<'v128'> {
    const input = this.#inputs[name]
    const zero = f32x4.const(0)
    return this.#f.let(input ? keepLanes(v128.load(element(input.pointer, this.#spot.channel, 4)), zero, this.#spot.lanes) : zero)
  }

  /** Writes four rows [S] of the matrix side by side, [S, 4], for powers of 2; zeros for channels that are not there. */
  rates(k: KernelBuilder, to: Local<'i32'>): void {
    interleave(this.#f, this.#params.states, this.#inputs.a.pointer, this.#spot.channel, this.#spot.lanes, to, (four) =>
      f32x4.mul(four, k.splat(Math.LOG2E)),
    )
  }
}

/** An input along a sequence, in bytes. */
export interface Sequence {
  readonly from: Local<'i32'>
  readonly stride: number
}

/** The address at position `t`. */
export const along = ({ from, stride }: Sequence, t: Operand<'i32'>): Value<'i32'> => i32.add(from, i32.mul(t, stride))

/** Rows `row` … `row + lanes - 1` of a matrix [R, S] as [S, 4]. */
export function interleave(
  f: FunctionBuilder,
  states: number,
  matrix: Local<'i32'>,
  row: Operand<'i32'>,
  lanes: number,
  to: Local<'i32'>,
  change: (four: Vector) => Vector = (four) => four,
): void {
  const from = f.let(element(matrix, row, 4 * states))
  f.for(0, states, 1, (s) => {
    let four: Vector = v128.load32_zero(element(from, s, 4))
    for (let lane = 1; lane < lanes; lane++) four = v128.load32_lane(element(from, s, 4), four, lane, 4 * lane * states)
    f.store.v128(element(to, s, 16), change(four))
  })
}

/** The other way: [S, 4] into rows of a matrix [R, S]. */
export function separate(
  f: FunctionBuilder,
  states: number,
  from: Local<'i32'>,
  matrix: Local<'i32'>,
  row: Operand<'i32'>,
  lanes: number,
): void {
  const to = f.let(element(matrix, row, 4 * states))
  f.for(0, states, 1, (s) => {
    const four = f.let(v128.load(element(from, s, 16)))
    const at = f.let(element(to, s, 4))
    for (let lane = 0; lane < lanes; lane++) f.store.f32(at, f32x4.extract(four, lane), 4 * lane * states)
  })
}

/** Deltas from what was given: the bias is in them already. */
export const stepSizes = (
  k: KernelBuilder,
  f: FunctionBuilder,
  softplus: boolean,
  raw: readonly Local<'v128'>[],
): readonly Local<'v128'>[] => (softplus ? raw.map((x) => f.let(softplusOf(k, f, x))) : raw)

/** y · silu(z) */
export function gated(k: KernelBuilder, f: FunctionBuilder, y: Vector, gate: Vector): Vector {
  const z = f.let(gate)
  return f32x4.mul(f32x4.mul(y, z), sigmoid(k, f, z))
}

/** The rows of an output [N, L, D] at a spot. */
export const outputSequence = (
  f: FunctionBuilder,
  { length, channels }: Pick<ScanParams, 'length' | 'channels'>,
  pointer: Local<'i32'>,
  { image, channel }: Spot,
): Sequence => ({
  from: f.let(i32.add(element(pointer, image, 4 * length * channels), i32.mul(channel, 4))),
  stride: 4 * channels,
})

/** Where a state lies in rows of `bytes` a state. */
export interface State {
  at(pointer: Operand<'i32'>, bytes: number): Value<'i32'>
  offset(bytes: number): number
}

/** Visits the states in fours, the last four perhaps fewer. */
export function eachQuad(f: FunctionBuilder, states: number, visit: (quad: readonly State[]) => void): void {
  const quad = (base: Local<'i32'> | undefined, first: number, count: number) =>
    visit(
      Array.from({ length: count }, (_, i) => ({
        at: (pointer, bytes) => (base ? i32.add(pointer, i32.mul(base, bytes)) : i32.add(pointer)),
        offset: (bytes) => bytes * (first + i),
      })),
    )
  const whole = states - (states % 4)
  if (whole > 4) f.for(0, whole, 4, (base) => quad(base, 0, 4))
  else if (whole > 0) quad(undefined, 0, 4)
  if (states % 4 > 0) quad(undefined, whole, states % 4)
}
