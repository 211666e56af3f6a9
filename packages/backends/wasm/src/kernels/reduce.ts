import { contiguousStrides, type ReduceKind, sizeOf } from '@scanline/tensor'
import { type FunctionBuilder, f32, f32x4, i32, i32x4, type Local, type Operand, type Value, v128 } from '../assembler/index.js'
import { defineKernel, type KernelBuilder, type Split, split } from '../kernel.js'
import { collapse, element, offsets } from '../layout.js'
import { packInputs } from '../pack-inputs.js'
import { refuseTypes } from '../refuse.js'
import { eachVector, fold, foldLanes, keepLanes, WideSum } from '../vectors.js'

type Vector = Value<'v128'>
type ReduceType = 'f32' | 'i32'

interface ReduceParams extends Split {
  readonly kind: ReduceKind
  readonly dtype: ReduceType
  /** Axes that stay, outermost first; in `columns`, without the innermost. */
  readonly kept: Axes
  /** Axes that are reduced; in `rows`, without the one whose elements are neighbours. */
  readonly reduced: Axes
  /** Length of the axis whose elements are neighbours in memory. */
  readonly length: number
  /** `rows`: that axis is reduced. `columns`: it stays, and an item is a group of its elements. */
  readonly form: 'rows' | 'columns'
  /** Elements that make up one result. */
  readonly count: number
}

interface Axes {
  readonly dims: readonly number[]
  readonly strides: readonly number[]
}

/** Sums in f32 run over at most this many additions; longer ones are collected in f64. */
const stretch = 64
const unroll = 4
/** Vectors of neighbouring results that one item of `columns` computes: a cache line. */
const group = 4

export const reduce = defineKernel<ReduceParams>({
  name: 'reduce',
  op: 'reduce',
  select: (call) => {
    const [x] = call.inputs
    const refusal = refuseTypes(call, ['f32', 'i32'])
    if (refusal) return refusal
    const { kind, axes } = call.attrs as { readonly kind: ReduceKind; readonly axes: readonly number[] }
    // Reduced axes get stride 0 in the output, so only axes of one kind merge.
    const to = contiguousStrides(call.outputs[0].shape).map((s, axis) => (axes.includes(axis) ? 0 : s))
    const direct = plan(x.shape, x.strides, to)
    const { kept, reduced, length, form } = direct ?? plan(x.shape, contiguousStrides(x.shape), to)!
    const count = axes.reduce((n, axis) => n * x.shape[axis], 1)
    const results = sizeOf(call.outputs[0].shape)
    const items = form === 'rows' ? results : results === 0 ? 0 : sizeOf(kept.dims) * Math.ceil(length / (4 * group))
    const cost = form === 'rows' ? 20 + sizeOf(reduced.dims) * (8 + length / 2) : 20 + 8 * count
    return {
      kernel: 'reduce',
      params: { ...split(items, cost), kind, dtype: x.dtype as ReduceType, kept, reduced, length, form, count },
      ...packInputs(call.inputs, () => direct === undefined),
    }
  },
  emit: (k, params) =>
    k.define(2, (f, [x, output], { begin, end }) => {
      if (params.form === 'rows') f.for(begin, end, 1, (item) => emitRow(k, f, params, x, output, item))
      else f.for(begin, end, 1, (item) => emitColumns(k, f, params, x, output, item))
    }),
})

/** The loops for a layout, or nothing where no axis has its elements next to each other on both sides. */
function plan(shape: readonly number[], from: readonly number[], to: readonly number[]) {
  const { dims, strides } = collapse(shape, [from, to])
  const axesWhere = (wanted: (axis: number) => boolean): Axes => {
    const list = dims.map((_, axis) => axis).filter(wanted)
    return { dims: list.map((axis) => dims[axis]), strides: list.map((axis) => strides[0][axis]) }
  }
  if (dims.length === 0)
    return { kept: axesWhere(() => false), reduced: axesWhere(() => false), length: 1, form: 'rows' as const }
  const dense = strides[0].findIndex((s, axis) => s === 1 && (strides[1][axis] === 0 || strides[1][axis] === 1))
  if (dense < 0) return undefined
  const stays = strides[1][dense] !== 0
  return {
    kept: axesWhere((axis) => strides[1][axis] !== 0 && axis !== dense),
    reduced: axesWhere((axis) => strides[1][axis] === 0 && axis !== dense),
    length: dims[dense],
    form: stays ? ('columns' as const) : ('rows' as const),
  }
}

interface Combination {
  readonly identity: Vector
  readonly combine: (a: Vector, b: Vector) => Vector
}

function combination(k: KernelBuilder, kind: ReduceKind, dtype: ReduceType): Combination {
  if (dtype === 'i32') {
    if (kind === 'max') return { identity: k.splatBits(-0x80000000), combine: i32x4.max_s }
    if (kind === 'min') return { identity: k.splatBits(0x7fffffff), combine: i32x4.min_s }
    return { identity: i32x4.const(0), combine: i32x4.add }
  }
  if (kind === 'max') return { identity: k.splat(Number.NEGATIVE_INFINITY), combine: f32x4.max }
  if (kind === 'min') return { identity: k.splat(Number.POSITIVE_INFINITY), combine: f32x4.min }
  return { identity: f32x4.const(0), combine: f32x4.add }
}

/** One result: vectors along the neighbouring elements, `reduced` around them. */
function emitRow(
  k: KernelBuilder,
  f: FunctionBuilder,
  { kind, dtype, kept, reduced, length, count }: ReduceParams,
  x: Local<'i32'>,
  output: Local<'i32'>,
  item: Local<'i32'>,
): void {
  const { identity, combine } = combination(k, kind, dtype)
  const [from] = offsets(f, item, kept.dims, [kept.strides])
  const start = f.let(element(x, from, 4))
  const accumulators = Array.from({ length: unroll }, () => f.let(identity))
  const perStretch = 4 * unroll * stretch
  const wide = summed(kind, dtype) && count > perStretch ? new WideSum(f) : undefined
  const flush = () => {
    if (!wide) return
    wide.add(f.let(fold(accumulators, combine)))
    for (const a of accumulators) f.set(a, identity)
  }
  const run = (source: Local<'i32'>, elements: number) =>
    eachVector(f, elements, unroll, (spot) => {
      const a = accumulators[spot.slot % unroll]
      f.set(a, combine(a, keepLanes(spot.load(source), identity, spot.lanes)))
    })
  nest(f, reduced, start, (source) => {
    const whole = wide ? length - (length % perStretch) : 0
    if (whole > 0) {
      f.for(source, f.let(i32.add(source, 4 * whole)), 4 * perStretch, (at) => {
        run(at, perStretch)
        flush()
      })
    }
    run(whole > 0 ? f.let(i32.add(source, 4 * whole)) : source, length - whole)
    flush()
  })
  const target = f.let(element(output, item, 4))
  if (wide) f.store.f32(target, wide.total(kind === 'mean' ? count : 1))
  else {
    const all = foldLanes(f, fold(accumulators, combine), combine)
    const result = kind === 'mean' ? f32.div(f32x4.extract(all, 0), count) : f32x4.extract(all, 0)
    if (dtype === 'i32') f.store.i32(target, i32x4.extract(all, 0))
    else f.store.f32(target, result)
  }
}

/** Up to 16 neighbouring results at once: the reduced axes outside, vectors of results inside. */
function emitColumns(
  k: KernelBuilder,
  f: FunctionBuilder,
  params: ReduceParams,
  x: Local<'i32'>,
  output: Local<'i32'>,
  item: Local<'i32'>,
): void {
  const { kept, length } = params
  const width = 4 * group
  const groups = Math.ceil(length / width)
  const outer = f.let(i32.div_u(item, groups))
  const column = f.let(i32.mul(i32.sub(item, i32.mul(outer, groups)), width))
  const [from] = offsets(f, outer, kept.dims, [kept.strides])
  const source = f.let(element(x, i32.add(from, column), 4))
  const target = f.let(element(output, i32.add(i32.mul(outer, length), column), 4))
  const some = (elements: number) => columnGroup(k, f, params, source, target, elements)
  const last = length - (groups - 1) * width
  if (last === width) some(width)
  else if (groups === 1) some(last)
  else
    f.if(
      i32.lt_u(column, (groups - 1) * width),
      () => some(width),
      () => some(last),
    )
}

function columnGroup(
  k: KernelBuilder,
  f: FunctionBuilder,
  { kind, dtype, reduced, count }: ReduceParams,
  source: Local<'i32'>,
  target: Local<'i32'>,
  elements: number,
): void {
  const { identity, combine } = combination(k, kind, dtype)
  const vectors = Math.ceil(elements / 4)
  const accumulators = Array.from({ length: vectors }, () => f.let(identity))
  const wides = summed(kind, dtype) && count > stretch ? accumulators.map(() => new WideSum(f)) : undefined
  const flush = () =>
    wides?.forEach((wide, v) => {
      wide.add(accumulators[v])
      f.set(accumulators[v], identity)
    })
  const inner = reduced.dims.at(-1) ?? 1
  const step = 4 * (reduced.strides.at(-1) ?? 0)
  const outer = { dims: reduced.dims.slice(0, -1), strides: reduced.strides.slice(0, -1) }
  const run = (from: Operand<'i32'>, rows: number) => {
    const at = f.let(i32.add(from))
    f.for(0, rows, 1, () => {
      for (const [v, a] of accumulators.entries()) f.set(a, combine(a, v128.load(at, 16 * v)))
      f.set(at, i32.add(at, step))
    })
  }
  nest(f, outer, source, (from) => {
    const whole = wides ? inner - (inner % stretch) : 0
    const at = f.let<'i32'>(from)
    f.for(0, whole / stretch, 1, () => {
      run(at, stretch)
      flush()
      f.set(at, i32.add(at, stretch * step))
    })
    run(at, inner - whole)
    flush()
  })
  accumulators.forEach((a, v) => {
    const narrow = wides ? wides[v].lanes(kind === 'mean' ? 1 / count : 1) : a
    const result = kind === 'mean' && !wides ? f32x4.div(narrow, k.splat(count)) : narrow
    f.store.lanes(target, result, Math.min(4, elements - 4 * v), 16 * v)
  })
}

/** True where the result is a sum of floats, so that rounding adds up. */
const summed = (kind: ReduceKind, dtype: ReduceType) => dtype === 'f32' && (kind === 'sum' || kind === 'mean')

/** Loops over `axes`, outermost first; gives the address that they lead to. */
function nest(f: FunctionBuilder, { dims, strides }: Axes, start: Local<'i32'>, body: (at: Local<'i32'>) => void): void {
  if (dims.length === 0) {
    body(start)
    return
  }
  const at = f.let<'i32'>(start)
  f.for(0, dims[0], 1, () => {
    nest(f, { dims: dims.slice(1), strides: strides.slice(1) }, at, body)
    f.set(at, i32.add(at, 4 * strides[0]))
  })
}
