import { sizeOf } from '@scanline/tensor'
import type { KernelSpec, Params } from '../kernel.js'
import { packInputs } from '../pack-inputs.js'
import { movable, refuseTypes } from '../refuse.js'

/**
 * Rounds to nearest even; floats become integers by truncation, saturating, NaN becoming 0; integers keep their low bits;
 * bool is `!= 0`.
 */
export const cast: KernelSpec = {
  name: 'cast',
  op: 'cast',
  select: (call) => {
    const refusal = refuseTypes(call, movable)
    if (refusal) return refusal
    const [from, to] = [call.inputs[0].dtype, call.outputs[0].dtype]
    const params: Params = { from, to, length: sizeOf(call.outputs[0].shape) }
    return { kernel: 'cast', params, ...packInputs(call.inputs) }
  },
}
