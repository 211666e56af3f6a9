import { isContiguous } from '@scanline/tensor'
import type { KernelSpec, Params } from '../kernel.js'
import { packInputs } from '../pack-inputs.js'
import { windowAttrsOf, windowOf } from '../window.js'

/** The gradient of a depthwise weight: for every tap a sum over all pixels. */
export const depthwiseConv2dWeightGrad: KernelSpec = {
  name: 'depthwiseConv2dWeightGrad',
  op: 'depthwiseConv2dWeightGrad',
  select(call) {
    const [x, g] = call.inputs
    const other = call.inputs.find((t) => t.dtype !== 'f32')
    if (other) return { refused: `takes f32, not ${other.dtype}` }
    const [, , kh, kw] = call.outputs[0].shape
    const { window, prepare } = windowOf(x, g, [kh, kw], windowAttrsOf(call))
    const params: Params = { window }
    const dense = packInputs([x, g], ({ shape, strides }, input) => input === 1 && !isContiguous(shape, strides))
    return { kernel: 'depthwiseConv2dWeightGrad', params, prepare: [...prepare, ...(dense.prepare ?? [])] }
  },
}
