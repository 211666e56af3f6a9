import { type Expr, sizeOf } from '@scanline/tensor'
import { planEpilogue } from '../epilogue.js'
import type { KernelSpec, Params } from '../kernel.js'
import { asRows } from '../rows.js'
import { windowAttrsOf, windowOf } from '../window.js'
import { copyLaunch } from './copy.js'

/** One filter a channel; the weight is copied with its taps outermost. */
export const depthwiseConv2d: KernelSpec = {
  name: 'depthwiseConv2d',
  op: 'depthwiseConv2d',
  select(call) {
    const [x, w, ...extras] = call.inputs
    const other = call.inputs.find((t) => t.dtype !== 'f32')
    if (other) return { refused: `takes f32, not ${other.dtype}` }
    const [channels, , kh, kw] = w.shape
    const { window, prepare } = windowOf(x, call.outputs[0], [kh, kw], windowAttrsOf(call))
    const tapsFirst = { shape: [kh, kw, channels], dtype: w.dtype, strides: [w.strides[2], w.strides[3], w.strides[0]] }
    const rest = asRows(extras, 2)
    const epilogue = planEpilogue(call.attrs.epilogue as Expr | undefined, rest.rows)
    const params: Params = { window, reversed: false, ...epilogue }
    return {
      kernel: 'depthwiseConv2d',
      params,
      prepare: [...prepare, { input: 1, launch: copyLaunch(tapsFirst), bytes: 4 * sizeOf(w.shape) }, ...rest.prepare],
    }
  },
}
