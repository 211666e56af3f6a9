import { type Attrs, type BidirectionalScanAttrs, scanDirections, type TensorSpec } from '@scanline/tensor'
import { f32x4, v128 } from '../assembler/index.js'
import { defineKernel, type Split, split } from '../kernel.js'
import { element } from '../layout.js'
import { refuseTypes } from '../refuse.js'
import { eachBlock, emitScan, scanCost, scanItems, scanLoops, scratchBytes } from '../scan-block.js'
import { gated, outputSequence, type ScanParams, selectScan, sequenceAt, sequenceLayout } from '../scan-steps.js'

interface Params extends Split {
  readonly forward: ScanParams
  readonly backward: ScanParams
  /** Strides of the gate, if there is one. */
  readonly gate?: readonly number[]
  readonly scale: number
}

/**
 * An item is up to sixteen channels of one sequence, there and back: the second scan adds to what the first has stored,
 * while it is still near, and applies factor and gate.
 */
export const bidirectionalScan = defineKernel<Params>({
  name: 'bidirectionalScan',
  op: 'bidirectionalScan',
  select: (call, capabilities) => {
    const refusal = refuseTypes(call, ['f32'])
    if (refusal) return refusal
    const attrs = call.attrs as Attrs as BidirectionalScanAttrs
    const parts = scanDirections<TensorSpec>(call.inputs, attrs)
    const [forward, backward] = [parts.forward, parts.backward].map((part) => {
      const { params, prepare = [] } = selectScan({ ...call, inputs: part.inputs, attrs: part.attrs })
      return { params, prepare: prepare.map((one) => ({ ...one, input: one.input + part.first })) }
    })
    const gate = parts.z && sequenceLayout(parts.z, call.inputs.length - 1)
    const cost = scanCost(forward.params) + scanCost(backward.params)
    return {
      kernel: 'bidirectionalScan',
      params: {
        forward: forward.params,
        backward: backward.params,
        ...(gate && { gate: gate.outer }),
        scale: attrs.scale,
        ...split(scanItems(forward.params), cost),
      },
      scratch: capabilities.threads * threadBytes(forward.params, backward.params),
      prepare: [...forward.prepare, ...backward.prepare, ...(gate?.prepare ?? [])],
    }
  },
  emit: (k, { forward, backward, gate, scale }) => {
    const [there, back] = [scanLoops(k, forward), scanLoops(k, backward)]
    const [count, both] = [forward.outer.length, forward.outer.length + backward.outer.length]
    const inputs = both + (gate ? 1 : 0)
    return k.define(inputs + 2, (f, pointers, { begin, end, thread }) => {
      const scratch = f.let(element(pointers[inputs + 1], thread, threadBytes(forward, backward)))
      f.for(begin, end, 1, (item) =>
        eachBlock(f, forward, item, (spots) => {
          const y = outputSequence(f, forward, pointers[inputs], spots[0])
          const z = gate && sequenceAt(f, pointers[both], gate, spots[0])
          const common = { spots, scratch, y }
          emitScan(k, f, {
            ...{ ...common, params: forward, pointers: pointers.slice(0, count), loops: there, z: undefined },
            finish: (_, total) => total,
          })
          emitScan(k, f, {
            ...{ ...common, params: backward, pointers: pointers.slice(count, both), loops: back, z },
            finish: (g, total, rows) => {
              const sum = f32x4.add(total, v128.load(rows.y, rows.offset))
              const scaled = scale === 1 ? sum : f32x4.mul(sum, k.splat(scale))
              return gate ? gated(k, g, scaled, v128.load(rows.z, rows.offset)) : scaled
            },
          })
        }),
      )
    })
  },
})

const threadBytes = (forward: ScanParams, backward: ScanParams) => Math.max(scratchBytes(forward), scratchBytes(backward))
