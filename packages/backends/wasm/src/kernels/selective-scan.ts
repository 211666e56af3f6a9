import { type FunctionBuilder, f32x4, i32, type Local, v128 } from '../assembler/index.js'
import { defineKernel, type KernelBuilder, type Split, split } from '../kernel.js'
import { element } from '../layout.js'
import { refuseTypes } from '../refuse.js'
import {
  along,
  eachQuad,
  type ScanParams,
  ScanReader,
  type Sequence,
  type Spot,
  selectScan,
  separate,
  stepSize,
} from '../scan-steps.js'
import { coordinates } from '../taps.js'
import { decayFactor, sigmoid } from '../vector-math.js'

type Params = ScanParams & Split

/** Channels of an item. */
const together = 8

/** Rates and states of an item. */
const scratchBytes = (states: number) => Math.max(16, 8 * together * states)

/**
 * An item is eight channels of one sequence, from its first step to its last: 8 S states, kept in scratch memory that stays
 * in the nearest cache. Two vectors of channels are independent of each other, which hides the latency of what leads from
 * delta to the first factor, and share the splats of b and c.
 */
export const selectiveScan = defineKernel<Params>({
  name: 'selectiveScan',
  op: 'selectiveScan',
  select: (call, capabilities) => {
    const refusal = refuseTypes(call, ['f32'])
    if (refusal) return refusal
    const { params, ...prepare } = selectScan(call)
    const { batch, length, channels, groups, states } = params
    const items = batch * groups * Math.ceil(channels / groups / together)
    return {
      kernel: 'selectiveScan',
      params: { ...params, ...split(items, 2 * length * (100 + 25 * states)) },
      scratch: capabilities.threads * scratchBytes(states),
      ...prepare,
    }
  },
  emit: (k, params) => {
    const { groups, channels, states, outer, lastState } = params
    const perGroup = channels / groups
    const blocks = Math.ceil(perGroup / together)
    return k.define(outer.length + (lastState ? 3 : 2), (f, pointers, { begin, end, thread }) => {
      const scratch = f.let(element(pointers[pointers.length - 1], thread, scratchBytes(states)))
      f.for(begin, end, 1, (item) => {
        const [image, group, block] = coordinates(f, item, [params.batch, groups, blocks])
        const channel = f.let(i32.add(i32.mul(group, perGroup), i32.mul(block, together)))
        const scan = (count: number) => {
          const spots = Array.from({ length: Math.ceil(count / 4) }, (_, i) => ({
            image,
            group,
            channel: f.let(i32.add(channel, 4 * i)),
            lanes: Math.min(4, count - 4 * i),
          }))
          emitScan(k, f, params, pointers, spots, scratch)
        }
        const rest = perGroup % together
        if (rest === 0) scan(together)
        else if (blocks === 1) scan(rest)
        else
          f.if(
            i32.lt_u(block, blocks - 1),
            () => scan(together),
            () => scan(rest),
          )
      })
    })
  },
})

function emitScan(
  k: KernelBuilder,
  f: FunctionBuilder,
  params: Params,
  pointers: readonly Local<'i32'>[],
  spots: readonly Spot[],
  scratch: Local<'i32'>,
): void {
  const { length, channels, states, outer, skip, gate, bias, softplus, reverse, lastState } = params
  const [{ image, channel }] = spots
  const readers = spots.map((spot) => new ScanReader(f, params, pointers, spot))
  const [rates, h] = [0, 1].map((part) => spots.map((_, i) => f.let(i32.add(scratch, 16 * states * (2 * i + part)))))
  for (const [i, reader] of readers.entries()) {
    reader.rates(k, rates[i])
    f.memoryFill(h[i], 0, 16 * states)
  }
  const [u, delta, b, c] = (['u', 'delta', 'b', 'c'] as const).map((name) => readers[0].start(name))
  const z = gate ? readers[0].start('z') : undefined
  const [d, deltaBias] = (['d', 'deltaBias'] as const).map((name) => readers.map((reader) => reader.vector(name)))
  const row = 4 * channels
  const y = {
    from: f.let(i32.add(element(pointers[outer.length], image, length * row), i32.mul(channel, 4))),
    stride: row,
  }
  f.for(0, length, 1, (i) => {
    const t = reverse ? f.let(i32.sub(length - 1, i)) : i
    const vectors = (sequence: Sequence) => {
      const at = f.let(along(sequence, t))
      return spots.map((_, n) => f.let(v128.load(at, 16 * n)))
    }
    const steps = vectors(delta).map((raw, n) => stepSize(k, f, softplus, bias ? f.let(f32x4.add(raw, deltaBias[n])) : raw))
    const xs = vectors(u)
    const inputs = xs.map((x, n) => f.let(f32x4.mul(steps[n], x)))
    const totals = xs.map((x, n) => f.let(skip ? f32x4.mul(d[n], x) : f32x4.const(0)))
    const [rowB, rowC] = [f.let(along(b, t)), f.let(along(c, t))]
    eachQuad(f, states, (quad) => {
      for (const state of quad) {
        const [taken, given] = [rowC, rowB].map((row) => f.let(v128.load32_splat(state.at(row, 4), state.offset(4))))
        for (const [n, step] of steps.entries()) {
          const at = (pointer: Local<'i32'>) => v128.load(state.at(pointer, 16), state.offset(16))
          const factor = decayFactor(k, f, f32x4.mul(step, at(rates[n])))
          const next = f.let(k.madd(factor, at(h[n]), f32x4.mul(inputs[n], given)))
          f.store.v128(state.at(h[n], 16), next, state.offset(16))
          f.set(totals[n], k.madd(next, taken, totals[n]))
        }
      }
    })
    const gates = z && vectors(z)
    const target = f.let(along(y, t))
    for (const [n, { lanes }] of spots.entries()) {
      const result = gates ? f32x4.mul(f32x4.mul(totals[n], gates[n]), sigmoid(k, f, gates[n])) : totals[n]
      f.store.lanes(target, result, lanes, 16 * n)
    }
  })
  if (!lastState) return
  for (const [n, { channel, lanes }] of spots.entries())
    separate(f, states, h[n], pointers[outer.length + 1], i32.add(i32.mul(image, channels), channel), lanes)
}
