import {
  call,
  type FunctionBuilder,
  type FunctionRef,
  f32x4,
  i32,
  type Local,
  type Operand,
  type Value,
  v128,
} from './assembler/index.js'
import type { KernelBuilder } from './kernel.js'
import { element } from './layout.js'
import { along, type ScanParams, ScanReader, type Sequence, type Spot, separate, stepSizes } from './scan-steps.js'
import { coordinates } from './taps.js'
import { decayFactors } from './vector-math.js'

/** Channels of an item: a cache line of each row. */
const together = 16

/** Steps of a block, and the most bytes for a vector's decay factors: those of two stay with the rest in the nearest cache. */
const longestBlock = 16
const factorBytes = 8 * 1024

/** States that are worked on without a loop: they and the rest fit the registers. */
const straight = 8

type Sizes = Pick<ScanParams, 'length' | 'states'>

const blockSteps = ({ length, states }: Sizes): number =>
  Math.max(1, Math.min(length, longestBlock, Math.floor(factorBytes / (16 * Math.max(1, states)))))

/** Byte offsets in a thread's scratch memory: vectors of four channels by state or by step, then states by step. */
function scratchLayout(sizes: Sizes) {
  const vectors = together / 4
  const byState = 16 * sizes.states * vectors
  const byStep = 16 * blockSteps(sizes) * vectors
  const stepSizes = 2 * byState
  const inputs = stepSizes + byStep
  const totals = inputs + byStep
  const factors = totals + byStep
  return { rates: 0, h: byState, stepSizes, inputs, totals, factors, size: factors + 2 * 16 * blockSteps(sizes) * sizes.states }
}

export const scratchBytes = (sizes: Sizes): number => scratchLayout(sizes).size

export const scanItems = ({ batch, groups, channels }: Pick<ScanParams, 'batch' | 'groups' | 'channels'>): number =>
  batch * groups * Math.ceil(channels / groups / together)

/** Vector instructions for an item. */
export const scanCost = ({ length, states }: Sizes): number => (together / 4) * length * (70 + 17 * states)

/** Visits an item's vectors of channels: sixteen channels, or what is left at the end of a group. */
export function eachBlock(
  f: FunctionBuilder,
  { batch, groups, channels }: Pick<ScanParams, 'batch' | 'groups' | 'channels'>,
  item: Local<'i32'>,
  visit: (spots: readonly Spot[]) => void,
): void {
  const perGroup = channels / groups
  const blocks = Math.ceil(perGroup / together)
  const [image, group, block] = coordinates(f, item, [batch, groups, blocks])
  const channel = f.let(i32.add(i32.mul(group, perGroup), i32.mul(block, together)))
  const visitFirst = (count: number) => {
    const vectors = Array.from({ length: Math.ceil(count / 4) }, (_, i) => 4 * i)
    visit(vectors.map((at) => ({ image, group, channel: f.let(i32.add(channel, at)), lanes: Math.min(4, count - at) })))
  }
  const rest = perGroup % together
  if (rest === 0) visitFirst(together)
  else if (blocks === 1) visitFirst(rest)
  else
    f.if(
      i32.lt_u(block, blocks - 1),
      () => visitFirst(together),
      () => visitFirst(rest),
    )
}

/** The inner loops, as functions of their own, so that each has the registers to itself. */
export interface ScanLoops {
  /** Decay factors, with limits to the exponent, and for blocks that need none. */
  readonly limited: FunctionRef
  readonly plain: FunctionRef
  /** The states of one vector, and of two with the same b and c. */
  readonly one: FunctionRef
  readonly two: FunctionRef
}

export const scanLoops = (k: KernelBuilder, params: ScanParams): ScanLoops => ({
  limited: factorLoop(k, params, true),
  plain: factorLoop(k, params, false),
  one: stateLoop(k, params, 1),
  two: stateLoop(k, params, 2),
})

/** Writes factors [count, S] of four channels. */
const factorLoop = (k: KernelBuilder, { states, reverse }: ScanParams, limited: boolean): FunctionRef =>
  k.helper(`${limited ? 'limited' : 'factors'}${reverse ? 'Reverse' : ''}`, 5, (f, [rates, sizes, row, to, count]) => {
    const decay = decayFactors(k, f, { limited })
    f.for(0, count, 1, () => {
      const size = f.let(v128.load(sizes))
      eachRun(f, states, straight, (base, run) => {
        const at = (pointer: Local<'i32'>) => (base ? i32.add(pointer, i32.mul(base, 16)) : pointer)
        // Two at a time hide each other's latency and leave the constants in their registers.
        for (let first = 0; first < run.length; first += 2) {
          const pair = run.slice(first, first + 2)
          const factors = decay(pair.map((s) => f.let(f32x4.mul(size, v128.load(at(rates), 16 * s)))))
          for (const [i, s] of pair.entries()) f.store.v128(at(to), factors[i], 16 * s)
        }
      })
      f.set(sizes, i32.add(sizes, row))
      f.set(to, i32.add(to, 16 * states))
    })
  })

/** Takes the states [S, 4] of one or two vectors through `count` steps and adds Σ c h to the totals. */
const stateLoop = (k: KernelBuilder, params: ScanParams, vectors: 1 | 2): FunctionRef => {
  const { states, reverse, outer } = params
  const factorsOf = 16 * blockSteps(params) * states
  return k.helper(`states${vectors}${reverse ? 'Reverse' : ''}`, 8, (f, [h, factors, inputs, totals, b, c, row, count]) => {
    const [strideB, strideC] = [outer[3][1], outer[4][1]]
    const ns = Array.from({ length: vectors }, (_, n) => n)
    eachRun(f, states, straight / vectors, (base, run) => {
      const fromState = (pointer: Value<'i32'>, bytes: number) => f.let(base ? i32.add(pointer, i32.mul(base, bytes)) : pointer)
      const [own, factor] = [fromState(h, 16), fromState(factors, 16)]
      const [rowB, rowC] = [fromState(b, 4), fromState(c, 4)]
      const [input, total] = [f.let(inputs), f.let(totals)]
      const held = ns.map((n) => run.map((s) => f.let(v128.load(own, 16 * (s + states * n)))))
      f.for(0, count, 1, () => {
        const x = ns.map((n) => f.let(v128.load(input, 16 * n)))
        const sum = ns.map((n) => f.let(v128.load(total, 16 * n)))
        for (const [i, s] of run.entries()) {
          const weight = f.let(v128.load32_splat(rowB, 4 * s))
          const read = f.let(v128.load32_splat(rowC, 4 * s))
          for (const n of ns) {
            const state = held[n][i]
            f.set(state, k.madd(v128.load(factor, 16 * s + factorsOf * n), state, f32x4.mul(x[n], weight)))
            f.set(sum[n], k.madd(read, state, sum[n]))
            // Stored each time, as V8 loads whatever it can before anything else, and only a store holds it up.
            f.store.v128(total, sum[n], 16 * n)
          }
        }
        f.set(factor, i32.add(factor, 16 * states))
        for (const pointer of [input, total]) f.set(pointer, i32.add(pointer, row))
        f.set(rowB, i32.add(rowB, reverse ? -strideB : strideB))
        f.set(rowC, i32.add(rowC, reverse ? -strideC : strideC))
      })
      for (const n of ns) for (const [i, s] of run.entries()) f.store.v128(own, held[n][i], 16 * (s + states * n))
    })
  })
}

export interface Scan {
  readonly params: ScanParams
  readonly pointers: readonly Local<'i32'>[]
  /** Neighbours: an item's vectors of channels. */
  readonly spots: readonly Spot[]
  readonly scratch: Local<'i32'>
  readonly loops: ScanLoops
  readonly y: Sequence
  readonly z: Sequence | undefined
  /** What is stored for a step: `total` is Σ c h + d u; y and z are addresses of the step's row at `vector`. */
  finish(f: FunctionBuilder, total: Local<'v128'>, rows: Rows): Value<'v128'>
}

/** Where four channels of a step lie: addresses, and bytes past them. */
export interface Rows {
  readonly y: Local<'i32'>
  readonly z: Local<'i32'>
  readonly offset: number
}

/**
 * Scans an item from the first step to the last, a block of steps at a time, in loops that are each simple enough for
 * sixteen registers: the block's step sizes and inputs, its decay factors, the states, which stay in registers, and then
 * the outputs.
 */
export function emitScan(k: KernelBuilder, f: FunctionBuilder, scan: Scan): void {
  const { params, pointers, spots, scratch, loops, y, z } = scan
  const { length, states, skip, bias, softplus, reverse } = params
  const layout = scratchLayout(params)
  const block = blockSteps(params)
  const readers = spots.map((spot) => new ScanReader(f, params, pointers, spot))
  const at = (offset: number) => f.let(i32.add(scratch, offset))
  const [rates, h] = [layout.rates, layout.h].map((part) => spots.map((_, n) => at(part + 16 * states * n)))
  const fastest = readers.map((reader, n) => {
    reader.rates(k, rates[n])
    f.memoryFill(h[n], 0, 16 * states)
    const most = f.let<'v128'>(f32x4.const(0))
    f.for(0, states, 1, (s) => f.set(most, f32x4.pmax(most, f32x4.abs(v128.load(element(rates[n], s, 16))))))
    return most
  })
  const [u, delta, b, c] = (['u', 'delta', 'b', 'c'] as const).map((name) => readers[0].start(name))
  const d = readers.map((reader) => reader.vector('d'))
  const biases = bias ? readers[0].address('deltaBias') : i32.const(0)
  const [sizes, inputs, totals, factors] = [layout.stepSizes, layout.inputs, layout.totals, layout.factors].map(at)
  const row = 16 * spots.length
  const position = (i: Operand<'i32'>) => f.let(reverse ? i32.sub(length - 1, i) : i32.add(i, 0))

  const onward = (g: FunctionBuilder, pointer: Local<'i32'>, stride: number) =>
    g.set(pointer, i32.add(pointer, reverse ? -stride : stride))
  const toSizes = k.helper('sizes', 4, (g, [from, biases, to, count]) =>
    g.for(0, count, 1, () => {
      const raw = spots.map((_, n) => {
        const given = v128.load(from, 16 * n)
        return g.let(bias ? f32x4.add(given, v128.load(biases, 16 * n)) : given)
      })
      for (const [n, size] of stepSizes(k, g, softplus, raw).entries()) g.store.v128(to, size, 16 * n)
      onward(g, from, delta.stride)
      g.set(to, i32.add(to, row))
    }),
  )
  const toOutputs = k.helper('outputs', 4, (g, [from, y, z, count]) =>
    g.for(0, count, 1, () => {
      const results = spots.map((_, n) => g.let(scan.finish(g, g.let(v128.load(from, 16 * n)), { y, z, offset: 16 * n })))
      for (const [n, { lanes }] of spots.entries()) g.store.lanes(y, results[n], lanes, 16 * n)
      g.set(from, i32.add(from, row))
      onward(g, y, scan.y.stride)
      if (scan.z) onward(g, z, scan.z.stride)
    }),
  )

  f.for(0, length, block, (first) => {
    const count = f.let(i32.const(block))
    if (length % block > 0) f.if(i32.gt_u(i32.add(first, block), length), () => f.set(count, length % block))

    const start = position(first)
    f.do(call(toSizes, along(delta, start), biases, sizes, count))
    f.for(0, count, 1, (j) => {
      const us = f.let(along(u, position(i32.add(first, j))))
      const to = f.let(i32.mul(j, row))
      for (const n of spots.keys()) {
        const x = f.let(v128.load(us, 16 * n))
        f.store.v128(i32.add(inputs, to), f32x4.mul(v128.load(i32.add(sizes, to), 16 * n), x), 16 * n)
        f.store.v128(i32.add(totals, to), skip ? f32x4.mul(d[n], x) : f32x4.const(0), 16 * n)
      }
    })

    const factorsAt = (n: number) => (n % 2 === 0 ? factors : f.let(i32.add(factors, 16 * block * states)))
    for (const n of spots.keys()) {
      const largest = f.let<'v128'>(f32x4.const(0))
      const end = f.let(i32.add(sizes, i32.mul(count, row)))
      f.for(sizes, end, row, (at) => f.set(largest, f32x4.pmax(largest, f32x4.abs(v128.load(at, 16 * n)))))
      const args = [rates[n], i32.add(sizes, 16 * n), row, factorsAt(n), count]
      f.if(
        v128.any_true(f32x4.gt(f32x4.mul(largest, fastest[n]), k.splat(126))),
        () => f.do(call(loops.limited, ...args)),
        () => f.do(call(loops.plain, ...args)),
      )
      if (n % 2 === 0 && n + 1 < spots.length) continue
      const first = n - (n % 2)
      const [rowB, rowC] = [b, c].map((rows) => along(rows, start))
      const loop = n % 2 === 0 ? loops.one : loops.two
      f.do(call(loop, h[first], factors, i32.add(inputs, 16 * first), i32.add(totals, 16 * first), rowB, rowC, row, count))
    }

    f.do(call(toOutputs, totals, along(y, start), z ? along(z, start) : 0, count))
  })
}

/** Writes the states after the last step as rows of [N, D, S]. */
export function emitLastState(f: FunctionBuilder, { params, spots, scratch }: Scan, to: Local<'i32'>): void {
  const { states, channels } = params
  const { h } = scratchLayout(params)
  for (const [n, { image, channel, lanes }] of spots.entries())
    separate(f, states, f.let(i32.add(scratch, h + 16 * states * n)), to, i32.add(i32.mul(image, channels), channel), lanes)
}

/** Visits the states in runs of `length`, the last perhaps shorter: the first of a run, and offsets from it. */
function eachRun(
  f: FunctionBuilder,
  states: number,
  length: number,
  visit: (base: Local<'i32'> | undefined, run: readonly number[]) => void,
): void {
  const range = (first: number, count: number) => Array.from({ length: count }, (_, i) => first + i)
  const whole = states - (states % length)
  if (whole > length) f.for(0, whole, length, (base) => visit(base, range(0, length)))
  else if (whole > 0) visit(undefined, range(0, length))
  if (states % length > 0) visit(undefined, range(whole, states % length))
}
