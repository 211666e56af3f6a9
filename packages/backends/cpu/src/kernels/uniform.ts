import { sizeOf } from '@scanline/tensor'
import type { KernelSpec } from '../kernel.js'
import { packInputs } from '../pack-inputs.js'

/** Threefry-2x32 as numbers in [0, 1). */
export const uniform: KernelSpec = {
  name: 'uniform',
  op: 'uniform',
  select: (call) => ({
    kernel: 'uniform',
    params: { length: sizeOf(call.outputs[0].shape), stream: (call.attrs.stream as number) >>> 0 },
    ...packInputs(call.inputs),
  }),
}
