import { contiguousStrides, type Prepare, sizeOf } from '@scanline/tensor'
import type { KernelSpec, Params } from '../kernel.js'
import { windowAttrsOf, windowOf } from '../window.js'
import { copyLaunch } from './copy.js'
import { padLaunch } from './pad.js'

/**
 * The gradient of the input is a depthwise convolution of the output's gradient, with zeros put between its pixels where
 * the window strides, and with the taps in reverse.
 */
export const depthwiseConv2dInputGrad: KernelSpec = {
  name: 'depthwiseConv2dInputGrad',
  op: 'depthwiseConv2dInputGrad',
  select(call) {
    const [g, w] = call.inputs
    const [out] = call.outputs
    const other = call.inputs.find((t) => t.dtype !== 'f32')
    if (other) return { refused: `takes f32, not ${other.dtype}` }
    const [channels, , kh, kw] = w.shape
    const { stride, padding, dilation } = windowAttrsOf(call)
    const reach = [(kh - 1) * dilation[0], (kw - 1) * dilation[1]]
    let spread = g
    const prepare: Prepare[] = []
    if (stride.some((s) => s > 1)) {
      const [n, h, width] = g.shape
      const between = (length: number, s: number) => length + Math.max(0, length - 1) * (s - 1)
      const shape = [n, between(h, stride[0]), between(width, stride[1]), channels]
      const none = [0, 0, 0, 0]
      const launch = padLaunch(g, { before: none, after: none, interior: [0, stride[0] - 1, stride[1] - 1, 0], value: 0 })
      spread = { shape, dtype: g.dtype, strides: contiguousStrides(shape) }
      prepare.push({ input: 0, launch, bytes: 4 * sizeOf(shape) })
    }
    const [top, left] = [reach[0] - padding[0], reach[1] - padding[2]]
    const attrs = {
      stride: [1, 1] as const,
      // Negative where the output has pixels that see nothing but padding.
      padding: [
        top,
        out.shape[1] + reach[0] - spread.shape[1] - top,
        left,
        out.shape[2] + reach[1] - spread.shape[2] - left,
      ] as const,
      dilation,
    }
    const { window, prepare: dense } = windowOf(spread, out, [kh, kw], attrs)
    const taps = { shape: [kh, kw, channels], dtype: w.dtype, strides: [w.strides[2], w.strides[3], w.strides[0]] }
    const params: Params = { window, reversed: true, extras: [], addends: [], epilogue: [] }
    return {
      kernel: 'depthwiseConv2d',
      params,
      prepare: [...prepare, ...dense, { input: 1, launch: copyLaunch(taps), bytes: 4 * sizeOf(w.shape) }],
    }
  },
}
