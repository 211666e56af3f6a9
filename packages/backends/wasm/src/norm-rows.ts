import { type OpCall, sizeOf, type TensorSpec } from '@scanline/tensor'
import { type FunctionBuilder, type FunctionRef, f32, f32x4, i32, type Local } from './assembler/index.js'
import { type KernelBuilder, type Split, split } from './kernel.js'
import { collapse, element, offsets } from './layout.js'
import { innermostContiguous, packInputs } from './pack-inputs.js'
import { refuseTypes } from './refuse.js'
import { eachVector, fold, keepLanes, sumLanes } from './vectors.js'

export interface NormParams extends Split {
  readonly channels: number
  readonly eps: number
  /** About the mean, as a layer norm does. */
  readonly centred: boolean
  /** Whether a residual is added first, and the sum stored too. */
  readonly residual: boolean
  /** Vectors that scale, and then shift, the result. */
  readonly affine: number
  /** Axes of the rows, and their strides in the input, and in the residual. */
  readonly dims: readonly number[]
  readonly strides: readonly (readonly number[])[]
}

/** The launch of a norm over the last axis of x, or of x + residual: inputs x, then the residual, then weight and bias. */
export function selectNorm(kernel: string, call: OpCall, { centred, residual }: Pick<NormParams, 'centred' | 'residual'>) {
  const refusal = refuseTypes(call, ['f32'])
  if (refusal) return refusal
  const sources = call.inputs.slice(0, residual ? 2 : 1)
  const [{ shape }] = sources
  const channels = shape[shape.length - 1]
  const outer = shape.slice(0, -1)
  const rows = (x: TensorSpec) => (innermostContiguous(x) ? x.strides.slice(0, -1) : contiguousRows(outer, channels))
  const params: NormParams = {
    ...split(channels === 0 ? 0 : sizeOf(outer), 30 + 2 * channels),
    channels,
    eps: call.attrs.eps as number,
    centred,
    residual,
    affine: call.inputs.length - sources.length,
    ...collapse(outer, sources.map(rows)),
  }
  return { kernel, params, ...packInputs(call.inputs, (t) => !innermostContiguous(t)) }
}

const contiguousRows = (outer: readonly number[], channels: number) =>
  outer.map((_, axis) => channels * sizeOf(outer.slice(axis + 1)))

/**
 * Sums side by side, to hide the latency of an addition and of what follows the last one: of four rows, or where rows
 * are long, four of one row, which also keeps each sum short.
 */
const sums = 4
const longRow = 512

/** Passes over a row that stays in the nearest cache: the mean and the variance about it, or squares, then the output. */
export const emitNorm = (k: KernelBuilder, params: NormParams): FunctionRef => {
  const { channels, affine, residual } = params
  return k.define(affine + (residual ? 4 : 2), (f, pointers, { begin, end }) => {
    const together = channels > longRow ? 1 : sums
    const normalize = (row: Local<'i32'>, count: number) => emitRows(k, f, params, pointers, row, count)
    const last = f.let(i32.sub(end, i32.rem_u(i32.sub(end, begin), together)))
    f.for(begin, last, together, (row) => normalize(row, together))
    if (together > 1) f.for(last, end, 1, (row) => normalize(row, 1))
  })
}

/** `count` rows from `first`, step by step together. */
function emitRows(
  k: KernelBuilder,
  f: FunctionBuilder,
  { channels, eps, centred, residual, affine, dims, strides }: NormParams,
  pointers: readonly Local<'i32'>[],
  first: Local<'i32'>,
  count: number,
): void {
  const inputs = strides.length
  const [weight, bias] = pointers.slice(inputs, inputs + affine)
  const [output, stored] = pointers.slice(inputs + affine)
  const zero = f32x4.const(0)
  const width = channels > longRow ? sums : 1
  const rows = Array.from({ length: count }, (_, n) => {
    const row = n === 0 ? first : f.let(i32.add(first, n))
    const from = offsets(f, row, dims, strides).map((offset, i) => f.let(element(pointers[i], offset, 4)))
    return {
      from,
      source: residual ? f.let(element(stored, row, 4 * channels)) : from[0],
      target: f.let(element(output, row, 4 * channels)),
      sums: Array.from({ length: width }, () => f.let(zero)),
    }
  })
  type Row = (typeof rows)[number]
  const means = () => rows.map((row) => f32.div(sumLanes(f, fold(row.sums, f32x4.add)), channels))
  let loaded = !residual
  /** Adds up something of every vector; the first visit makes and stores the sum with the residual. */
  const total = (term: (x: Local<'v128'>, sum: Local<'v128'>, n: number, lanes: number) => void) => {
    eachVector(f, channels, sums, (spot) => {
      rows.forEach((row: Row, n) => {
        const x = f.let(loaded ? spot.load(row.source) : f32x4.add(spot.load(row.from[0]), spot.load(row.from[1])))
        if (!loaded) f.store.lanes(spot.address(row.source), x, spot.lanes, spot.offset())
        term(x, row.sums[spot.slot % width], n, spot.lanes)
      })
    })
    loaded = true
  }
  let centres: Local<'v128'>[] | undefined
  if (centred) {
    total((x, sum, _, lanes) => f.set(sum, f32x4.add(sum, keepLanes(x, zero, lanes))))
    centres = means().map((mean) => f.let(f32x4.splat(mean)))
    for (const row of rows) for (const sum of row.sums) f.set(sum, zero)
  }
  total((x, sum, n, lanes) => {
    const distance = f.let(keepLanes(centres ? f32x4.sub(x, centres[n]) : x, zero, lanes))
    f.set(sum, k.madd(distance, distance, sum))
  })
  const scales = means().map((square) => f.let(f32x4.splat(f32.div(1, f32.sqrt(f32.add(square, eps))))))
  eachVector(f, channels, sums, (spot) => {
    const [scale, shift] = [weight, bias].map((vector) => vector && f.let(spot.load(vector)))
    rows.forEach((row, n) => {
      const x = spot.load(row.source)
      const normal = f32x4.mul(centres ? f32x4.sub(x, centres[n]) : x, scales[n])
      const scaled = scale ? (shift ? k.madd(normal, scale, shift) : f32x4.mul(normal, scale)) : normal
      f.store.lanes(spot.address(row.target), scaled, spot.lanes, spot.offset())
    })
  })
}
