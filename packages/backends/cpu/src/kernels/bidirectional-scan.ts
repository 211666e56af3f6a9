import { type Attrs, type BidirectionalScanAttrs, scanDirections, type TensorSpec } from '@scanline/tensor'
import type { KernelSpec, Params } from '../kernel.js'
import { refuseTypes } from '../refuse.js'
import { selectScan, sequenceLayout } from '../scan.js'

/** Two selective scans, there and back, and what is done with their sum. */
export const bidirectionalScan: KernelSpec = {
  name: 'bidirectionalScan',
  op: 'bidirectionalScan',
  select: (call) => {
    const refusal = refuseTypes(call, ['f32'])
    if (refusal) return refusal
    const attrs = call.attrs as Attrs as BidirectionalScanAttrs
    const parts = scanDirections<TensorSpec>(call.inputs, attrs)
    const [forward, backward] = [parts.forward, parts.backward].map((part) => {
      const { params, prepare = [] } = selectScan({ ...call, inputs: part.inputs, attrs: part.attrs })
      return { params, prepare: prepare.map((one) => ({ ...one, input: one.input + part.first })) }
    })
    const gate = parts.z && sequenceLayout(parts.z, call.inputs.length - 1)
    const params: Params = {
      forward: forward.params,
      backward: backward.params,
      gate: gate !== undefined,
      gateStrides: gate?.outer ?? [],
      scale: attrs.scale,
    }
    return { kernel: 'bidirectionalScan', params, prepare: [...forward.prepare, ...backward.prepare, ...(gate?.prepare ?? [])] }
  },
}
