import type { ScanGradAttrs } from '@scanline/tensor'
import { type FunctionBuilder, f32x4, i8x16, i32, type Local, type Operand, type Value, v128 } from '../assembler/index.js'
import { defineKernel, type KernelBuilder, type Split, split } from '../kernel.js'
import { element } from '../layout.js'
import { refuseTypes } from '../refuse.js'
import {
  along,
  eachQuad,
  interleave,
  type ScanParams,
  ScanReader,
  type Spot,
  selectScan,
  separate,
  stepSizes,
} from '../scan-steps.js'
import { coordinates } from '../taps.js'
import { decayFactor, sigmoid } from '../vector-math.js'
import { bytes, keepLanes } from '../vectors.js'

type Vector = Value<'v128'>

interface Params extends ScanParams, Split {
  readonly parts: number
  /** Steps whose states are kept at a time. */
  readonly kept: number
}

/** Bytes of scratch memory for the states of one thread: they should stay in the second cache. */
const budget = 160 * 1024

/**
 * An item is one part of a group's channels of one sequence, four channels after the other, so that every sum over channels
 * is made by one thread. States are computed again from checkpoints `kept` steps apart, and kept from one to the next.
 */
export const selectiveScanGrad = defineKernel<Params>({
  name: 'selectiveScanGrad',
  op: 'selectiveScanGrad',
  select: (call, capabilities) => {
    const refusal = refuseTypes(call, ['f32'])
    if (refusal) return refusal
    const { parts, lastState } = call.attrs as unknown as ScanGradAttrs
    const { params: scan, ...prepare } = selectScan(call, lastState ? call.inputs.length - 1 : undefined)
    const { batch, length, channels, groups, states } = scan
    const items = batch * groups * parts
    const kept = Math.max(1, Math.min(length, Math.floor(budget / (32 * states + 16))))
    const params = { ...scan, ...split(items, (length * (150 + 100 * states) * channels) / groups / parts / 4), parts, kept }
    return { kernel: 'selectiveScanGrad', params, scratch: capabilities.threads * scratchLayout(params).size, ...prepare }
  },
  emit: (k, params) => {
    const { groups, channels, length, states, parts, outer, gate } = params
    const perPart = channels / groups / parts
    const outputs = gate ? 6 : 5
    return k.define(outer.length + outputs + 1, (f, pointers, { begin, end, thread }) => {
      const scratch = f.let(element(pointers[pointers.length - 1], thread, scratchLayout(params).size))
      f.for(begin, end, 1, (item) => {
        const [image, part] = coordinates(f, item, [params.batch, groups * parts])
        const group = f.let(i32.div_u(part, parts))
        const row = 4 * groups * parts * states
        const [sumsB, sumsC] = [3, 4].map((output) => ({
          from: f.let(i32.add(element(pointers[outer.length + output], image, length * row), i32.mul(part, 4 * states))),
          stride: row,
        }))
        f.for(0, length, 1, (t) => {
          for (const sums of [sumsB, sumsC]) f.memoryFill(along(sums, t), 0, 4 * states)
        })
        const block = (first: Operand<'i32'>, lanes: number) => {
          const channel = f.let(i32.add(i32.mul(part, perPart), first))
          emitBlock(k, f, params, pointers, { image, group, channel, lanes }, scratch, [sumsB, sumsC])
        }
        const whole = perPart - (perPart % 4)
        f.for(0, whole, 4, (first) => block(first, 4))
        if (perPart % 4 > 0) block(whole, perPart % 4)
      })
    })
  },
})

/** Byte offsets in a thread's scratch memory. */
function scratchLayout({ length, states, kept }: Pick<Params, 'length' | 'states' | 'kept'>) {
  const row = 16 * states
  const chunks = Math.ceil(length / kept)
  const dh = row
  const da = dh + row
  const checkpoints = da + row
  /** States before each kept step, and after the last. */
  const history = checkpoints + chunks * row
  const powers = history + (kept + 1) * row
  const stepSizes = powers + kept * row
  return { row, chunks, dh, da, checkpoints, history, powers, stepSizes, size: stepSizes + 16 * kept }
}

function emitBlock(
  k: KernelBuilder,
  f: FunctionBuilder,
  params: Params,
  pointers: readonly Local<'i32'>[],
  spot: Spot,
  scratch: Local<'i32'>,
  [sumsB, sumsC]: readonly { readonly from: Local<'i32'>; readonly stride: number }[],
): void {
  const { length, channels, states, outer, skip, gate, bias, softplus, reverse, lastState, kept } = params
  const { image, channel, lanes } = spot
  const layout = scratchLayout(params)
  const { row, chunks } = layout
  const reader = new ScanReader(f, params, pointers, spot)
  const part = (offset: number) => f.let(i32.add(scratch, offset))
  const [dh, da, checkpoints, history, powers, sizes] = [
    layout.dh,
    layout.da,
    layout.checkpoints,
    layout.history,
    layout.powers,
    layout.stepSizes,
  ].map(part)
  const [u, delta, b, c] = (['u', 'delta', 'b', 'c'] as const).map((name) => reader.start(name))
  const z = gate ? reader.start('z') : undefined
  const gradient = reader.rest(0)
  const [d, deltaBias] = [reader.vector('d'), reader.vector('deltaBias')]
  const zero = f32x4.const(0)
  const one = k.splat(1)
  /** Zeros for channels that are not there: then they add nothing to the sums over channels. */
  const read = (address: Value<'i32'>) => f.let(keepLanes(v128.load(address), zero, lanes))
  const position = (i: Operand<'i32'>) => f.let(reverse ? i32.sub(length - 1, i) : i32.add(i, 0))
  const rawStep = (t: Local<'i32'>) => {
    const raw = read(along(delta, t))
    return bias ? f.let(f32x4.add(raw, deltaBias)) : raw
  }
  const output = (index: number) => ({
    from: f.let(i32.add(element(pointers[outer.length + index], image, 4 * length * channels), i32.mul(channel, 4))),
    stride: 4 * channels,
  })
  const [du, dDelta] = [output(0), output(1)]
  const dz = gate ? output(5) : undefined

  /** Keeps states, powers and step sizes of the steps from `first`, of which there are `count`. */
  const advance = (first: Local<'i32'>, count: Operand<'i32'>) =>
    f.for(0, count, 1, (j) => {
      const t = position(i32.add(first, j))
      const [step] = stepSizes(k, f, softplus, [rawStep(t)])
      f.store.v128(element(sizes, j, 16), step)
      const input = f.let(f32x4.mul(step, read(along(u, t))))
      const rowB = f.let(along(b, t))
      const [before, factors] = [f.let(element(history, j, row)), f.let(element(powers, j, row))]
      eachQuad(f, states, (quad) => {
        for (const state of quad) {
          const power = f.let(decayFactor(k, f, f32x4.mul(step, v128.load(state.at(scratch, 16), state.offset(16)))))
          f.store.v128(state.at(factors, 16), power, state.offset(16))
          const added = f32x4.mul(input, v128.load32_splat(state.at(rowB, 4), state.offset(4)))
          const next = k.madd(power, v128.load(state.at(before, 16), state.offset(16)), added)
          f.store.v128(state.at(before, 16), next, row + state.offset(16))
        }
      })
    })

  const retreat = (j: Local<'i32'>, t: Local<'i32'>) => {
    const raw = rawStep(t)
    const x = read(along(u, t))
    const step = f.let(v128.load(element(sizes, j, 16)))
    const input = f.let(f32x4.mul(step, x))
    const given = read(along(gradient, t))
    const gateValue = z && read(along(z, t))
    const opened = gateValue && f.let(sigmoid(k, f, gateValue))
    const g = gateValue && opened ? f.let(f32x4.mul(given, f32x4.mul(gateValue, opened))) : given
    const y = f.let(skip ? f32x4.mul(d, x) : zero)
    const [throughInput, throughRate] = [f.let<'v128'>(zero), f.let<'v128'>(zero)]
    const [rowB, rowC] = [f.let(along(b, t)), f.let(along(c, t))]
    const [targetB, targetC] = [f.let(along(sumsB, t)), f.let(along(sumsC, t))]
    const [before, factors] = [f.let(element(history, j, row)), f.let(element(powers, j, row))]
    eachQuad(f, states, (quad) => {
      const [toB, toC]: Local<'v128'>[][] = [[], []]
      for (const state of quad) {
        const at = (pointer: Local<'i32'>, more = 0) => v128.load(state.at(pointer, 16), more + state.offset(16))
        const taken = v128.load32_splat(state.at(rowC, 4), state.offset(4))
        const now = f.let(at(before, row))
        const change = f.let(k.madd(taken, g, at(dh)))
        if (gate) f.set(y, k.madd(taken, now, y))
        const passed = f.let(f32x4.mul(change, at(factors)))
        const memory = f.let(f32x4.mul(passed, at(before)))
        f.set(throughInput, k.madd(change, v128.load32_splat(state.at(rowB, 4), state.offset(4)), throughInput))
        f.set(throughRate, k.madd(memory, at(scratch), throughRate))
        f.store.v128(state.at(da, 16), k.madd(step, memory, at(da)), state.offset(16))
        f.store.v128(state.at(dh, 16), passed, state.offset(16))
        toB.push(f.let(f32x4.mul(change, input)))
        toC.push(f.let(f32x4.mul(g, now)))
      }
      const [first] = quad
      for (const [target, four] of [
        [targetB, toB],
        [targetC, toC],
      ] as const) {
        const sums = f32x4.add(v128.load(first.at(target, 4), first.offset(4)), laneSums(f, four))
        f.store.lanes(first.at(target, 4), sums, quad.length, first.offset(4))
      }
    })
    f.store.lanes(along(du, t), k.madd(step, throughInput, skip ? f32x4.mul(d, g) : zero), lanes)
    const change = f.let(k.madd(x, throughInput, f32x4.mul(throughRate, k.splat(Math.LN2))))
    const slope = softplus ? v128.bitselect(one, sigmoid(k, f, raw), f32x4.gt(raw, k.splat(20))) : one
    f.store.lanes(along(dDelta, t), f32x4.mul(change, slope), lanes)
    if (dz && gateValue && opened) {
      const bend = k.madd(gateValue, f32x4.sub(one, opened), one)
      f.store.lanes(along(dz, t), f32x4.mul(f32x4.mul(given, y), f32x4.mul(opened, bend)), lanes)
    }
  }

  reader.rates(k, scratch)
  const stateRow = i32.add(i32.mul(image, channels), channel)
  if (lastState) interleave(f, states, reader.restPointer(1), stateRow, lanes, dh)
  else f.memoryFill(dh, 0, row)
  f.memoryFill(da, 0, row)
  f.memoryFill(checkpoints, 0, row)
  const checkpoint = (chunk: Local<'i32'>) => element(checkpoints, chunk, row)
  f.for(0, chunks - 1, 1, (chunk) => {
    f.memoryCopy(history, checkpoint(chunk), row)
    advance(f.let(i32.mul(chunk, kept)), kept)
    f.memoryCopy(i32.add(checkpoint(chunk), row), i32.add(history, kept * row), row)
  })
  f.for(0, chunks, 1, (done) => {
    const chunk = f.let(i32.sub(chunks - 1, done))
    const first = f.let(i32.mul(chunk, kept))
    const count = f.let(i32.const(kept))
    if (length % kept > 0) f.if(i32.eqz(done), () => f.set(count, length % kept))
    f.memoryCopy(history, checkpoint(chunk), row)
    advance(first, count)
    f.for(0, count, 1, (back) => {
      const j = f.let(i32.sub(i32.sub(count, 1), back))
      retreat(j, position(i32.add(first, j)))
    })
  })
  separate(f, states, da, pointers[outer.length + 2], stateRow, lanes)
}

/** The sums over the lanes of up to four vectors, one in each lane. */
function laneSums(f: FunctionBuilder, vectors: readonly Local<'v128'>[]): Vector {
  const [v0, v1, v2, v3] = [0, 1, 2, 3].map((i): Vector => vectors[i] ?? f32x4.const(0))
  const lanes = (...order: number[]) => bytes((i) => order[i])
  const pairs = (a: Vector, b: Vector) =>
    f.let(f32x4.add(i8x16.shuffle(a, b, lanes(0, 4, 1, 5)), i8x16.shuffle(a, b, lanes(2, 6, 3, 7))))
  const [low, high] = [pairs(v0, v1), pairs(v2, v3)]
  return f32x4.add(i8x16.shuffle(low, high, lanes(0, 1, 4, 5)), i8x16.shuffle(low, high, lanes(2, 3, 6, 7)))
}
