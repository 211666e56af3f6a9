import { type FunctionBuilder, f32x4, i32, type Local, v128 } from '../assembler/index.js'
import { defineKernel, type KernelBuilder, type Split, split } from '../kernel.js'
import { element } from '../layout.js'
import { refuseTypes } from '../refuse.js'
import { along, eachQuad, type ScanParams, ScanReader, type Spot, selectScan, separate, stepSize } from '../scan-steps.js'
import { coordinates } from '../taps.js'
import { decayFactor, sigmoid } from '../vector-math.js'

type Params = ScanParams & Split

/**
 * An item is four channels of one sequence, from its first step to its last: 4 S states, kept in scratch memory that stays
 * in the nearest cache. The exponentials of four states are independent, so that they hide each other's latency.
 */
export const selectiveScan = defineKernel<Params>({
  name: 'selectiveScan',
  op: 'selectiveScan',
  select: (call, capabilities) => {
    const refusal = refuseTypes(call, ['f32'])
    if (refusal) return refusal
    const { params, ...prepare } = selectScan(call)
    const { batch, length, channels, groups, states } = params
    const items = batch * groups * Math.ceil(channels / groups / 4)
    return {
      kernel: 'selectiveScan',
      params: { ...params, ...split(items, length * (100 + 25 * states)) },
      scratch: capabilities.threads * Math.max(16, 32 * states),
      ...prepare,
    }
  },
  emit: (k, params) => {
    const { groups, channels, states, outer, lastState } = params
    const perGroup = channels / groups
    const blocks = Math.ceil(perGroup / 4)
    return k.define(outer.length + (lastState ? 3 : 2), (f, pointers, { begin, end, thread }) => {
      const scratch = f.let(element(pointers[pointers.length - 1], thread, Math.max(16, 32 * states)))
      f.for(begin, end, 1, (item) => {
        const [image, group, block] = coordinates(f, item, [params.batch, groups, blocks])
        const channel = f.let(i32.add(i32.mul(group, perGroup), i32.mul(block, 4)))
        const scan = (lanes: number) => emitScan(k, f, params, pointers, { image, group, channel, lanes }, scratch)
        const rest = perGroup % 4
        if (rest === 0) scan(4)
        else if (blocks === 1) scan(rest)
        else
          f.if(
            i32.lt_u(block, blocks - 1),
            () => scan(4),
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
  spot: Spot,
  rates: Local<'i32'>,
): void {
  const { length, channels, states, outer, skip, gate, bias, softplus, reverse, lastState } = params
  const { image, channel, lanes } = spot
  const reader = new ScanReader(f, params, pointers, spot)
  const h = f.let(i32.add(rates, 16 * states))
  reader.rates(k, rates)
  f.memoryFill(h, 0, 16 * states)
  const [u, delta, b, c] = (['u', 'delta', 'b', 'c'] as const).map((name) => reader.start(name))
  const z = gate ? reader.start('z') : undefined
  const [d, deltaBias] = [reader.vector('d'), reader.vector('deltaBias')]
  const row = 4 * channels
  const y = {
    from: f.let(i32.add(element(pointers[outer.length], image, length * row), i32.mul(channel, 4))),
    stride: row,
  }
  f.for(0, length, 1, (i) => {
    const t = reverse ? f.let(i32.sub(length - 1, i)) : i
    const raw = v128.load(along(delta, t))
    const step = stepSize(k, f, softplus, f.let(bias ? f32x4.add(raw, deltaBias) : raw))
    const x = f.let(v128.load(along(u, t)))
    const input = f.let(f32x4.mul(step, x))
    const total = f.let(skip ? f32x4.mul(d, x) : f32x4.const(0))
    const [rowB, rowC] = [f.let(along(b, t)), f.let(along(c, t))]
    eachQuad(f, states, (quad) => {
      for (const state of quad) {
        const power = decayFactor(k, f, f32x4.mul(step, v128.load(state.at(rates, 16), state.offset(16))))
        const added = f32x4.mul(input, v128.load32_splat(state.at(rowB, 4), state.offset(4)))
        const next = f.let(k.madd(power, v128.load(state.at(h, 16), state.offset(16)), added))
        f.store.v128(state.at(h, 16), next, state.offset(16))
        f.set(total, k.madd(next, v128.load32_splat(state.at(rowC, 4), state.offset(4)), total))
      }
    })
    if (z) {
      const gateValue = f.let(v128.load(along(z, t)))
      f.set(total, f32x4.mul(f32x4.mul(total, gateValue), sigmoid(k, f, gateValue)))
    }
    f.store.lanes(along(y, t), total, lanes)
  })
  if (lastState) separate(f, states, h, pointers[outer.length + 1], i32.add(i32.mul(image, channels), channel), lanes)
}
