import { contiguousStrides, type OpCall } from '@scanline/tensor'
import type { KernelSpec, Params } from '../kernel.js'
import { collapse } from '../layout.js'
import { innermostContiguous, packInputs } from '../pack-inputs.js'
import { refuseTypes } from '../refuse.js'

const rows = (call: OpCall, logarithm: boolean) => {
  const refusal = refuseTypes(call, ['f32'])
  if (refusal) return refusal
  const [x] = call.inputs
  const strides = innermostContiguous(x) ? x.strides : contiguousStrides(x.shape)
  const outer = collapse(x.shape.slice(0, -1), [strides.slice(0, -1)])
  const params: Params = { logarithm, dims: outer.dims, strides: outer.strides[0], length: x.shape.at(-1) ?? 1 }
  return { kernel: 'softmax', params, ...packInputs(call.inputs, (t) => !innermostContiguous(t)) }
}

/** Softmax over the last axis. */
export const softmax: KernelSpec = { name: 'softmax', op: 'softmax', select: (call) => rows(call, false) }

/** Its logarithm, by the same native kernel. */
export const logSoftmax: KernelSpec = { name: 'logSoftmax', op: 'logSoftmax', select: (call) => rows(call, true) }
