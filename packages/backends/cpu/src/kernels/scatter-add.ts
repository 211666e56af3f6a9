import { sizeOf } from '@scanline/tensor'
import type { KernelSpec, Params } from '../kernel.js'
import { packInputs } from '../pack-inputs.js'
import { refuseTypes } from '../refuse.js'

/** Zeros to which rows are added by index. */
export const scatterAdd: KernelSpec = {
  name: 'scatterAdd',
  op: 'scatterAdd',
  select: (call) => {
    const [g, index] = call.inputs
    const refusal = refuseTypes(call, ['f32', 'i32'], [g]) ?? refuseTypes(call, ['i32'], [index])
    if (refusal) return refusal
    const params: Params = {
      whole: g.dtype === 'i32',
      rows: call.attrs.rows as number,
      count: sizeOf(index.shape),
      length: sizeOf(call.outputs[0].shape.slice(1)),
    }
    return { kernel: 'scatterAdd', params, ...packInputs(call.inputs) }
  },
}
