import { bytesPerElement, type UnfoldAttrs } from '@scanline/tensor'
import type { KernelSpec, Params } from '../kernel.js'
import { packInputs } from '../pack-inputs.js'
import { movable, refuseTypes } from '../refuse.js'
import { windowAttrsOf, windowOf } from '../window.js'

/** Every window of an image as a row of its own, zeros where it looks outside. */
export const unfold: KernelSpec = {
  name: 'unfold',
  op: 'unfold',
  select: (call) => {
    const refusal = refuseTypes(call, movable)
    if (refusal) return refusal
    const [x] = call.inputs
    const { kernel } = call.attrs as unknown as UnfoldAttrs
    // Bytes take the place of elements.
    const bytes = bytesPerElement[x.dtype]
    const [n, h, w, c] = x.shape
    const rows = { shape: [n, h, w, c * bytes], dtype: x.dtype, strides: [h * w * c * bytes, w * c * bytes, c * bytes, 1] }
    const { window } = windowOf(rows, call.outputs[0], kernel, windowAttrsOf(call))
    const params: Params = { window }
    return { kernel: 'unfold', params, ...packInputs(call.inputs) }
  },
}
