import type { FoldAttrs } from '@scanline/tensor'
import type { KernelSpec, Params } from '../kernel.js'
import { packInputs } from '../pack-inputs.js'
import { refuseTypes } from '../refuse.js'
import { windowOf } from '../window.js'

/** Windows added back to where they were read. */
export const fold: KernelSpec = {
  name: 'fold',
  op: 'fold',
  select: (call) => {
    const refusal = refuseTypes(call, ['f32'])
    if (refusal) return refusal
    const attrs = call.attrs as unknown as FoldAttrs
    const params: Params = { window: windowOf(call.outputs[0], call.inputs[0], attrs.kernel, attrs).window }
    return { kernel: 'fold', params, ...packInputs(call.inputs) }
  },
}
