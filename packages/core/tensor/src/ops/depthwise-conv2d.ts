import { apply1 } from '../dispatch.js'
import { DTypeError, ShapeError } from '../errors.js'
import type { NdArray, Op } from '../op.js'
import { formatShape, type Shape, sizeOf } from '../shape.js'
import { applyEpilogue, checkEpilogue, type Epilogue, epilogueFlops, unfused } from './epilogue.js'
import { eachTap, type WindowAttrs, windowShape } from './window.js'

export type DepthwiseAttrs = WindowAttrs & Epilogue
export type DepthwiseGradAttrs = WindowAttrs & { readonly shape: Shape }

const windowOf = ({ stride, padding, dilation }: WindowAttrs): WindowAttrs => ({ stride, padding, dilation })

/** One filter per channel: `x` [N, H, W, C], `weight` [C, 1, kh, kw]; then the epilogue. */
export const depthwiseConv2dOp: Op<DepthwiseAttrs> = {
  name: 'depthwiseConv2d',
  infer: ([x, w, ...extras], attrs) => {
    if (w.shape.length !== 4 || w.shape[1] !== 1 || w.shape[0] !== x.shape[3]) {
      throw new ShapeError(
        `depthwise convolution of ${formatShape(x.shape)} needs a weight [${x.shape[3]}, 1, kh, kw], got ${formatShape(w.shape)}`,
      )
    }
    if (x.dtype !== w.dtype)
      throw new DTypeError(`depthwise convolution got ${x.dtype} and a weight of ${w.dtype}; cast() one of them`)
    const shape = [x.shape[0], ...windowShape('depthwiseConv2d', x.shape, [w.shape[2], w.shape[3]], attrs), x.shape[3]]
    checkEpilogue('depthwiseConv2d', attrs.epilogue, extras, shape)
    return [{ shape, dtype: x.dtype }]
  },
  decompose: ([x, w, ...extras], { epilogue, ...window }) =>
    epilogue && unfused(apply1(depthwiseConv2dOp, [x, w], window), epilogue, extras),
  vjp: ([g], { inputs: [x, w], attrs }) => [
    apply1(depthwiseConv2dInputGradOp, [g!, w], { ...windowOf(attrs), shape: x.shape }),
    apply1(depthwiseConv2dWeightGradOp, [x, g!], { ...windowOf(attrs), shape: w.shape }),
  ],
  reference: ([x, w, ...extras], attrs, [out]) => {
    const result = new Float64Array(sizeOf(out.shape))
    const taps = tapsFirst(w)
    eachProduct(x.shape, out.shape, w.shape, attrs, (c, image, output, tap) => {
      for (let i = 0; i < c; i++) result[output + i] += x.data[image + i] * taps[tap + i]
    })
    return [applyEpilogue(result, attrs.epilogue, extras)]
  },
  flops: ([, w], [out], { epilogue }) => 2 * sizeOf(out.shape) * w.shape[2] * w.shape[3] + epilogueFlops(epilogue, out.shape),
}

/** Gradient of the input [N, H, W, C] (`shape`) from that of the output and the weight. */
export const depthwiseConv2dInputGradOp: Op<DepthwiseGradAttrs> = {
  name: 'depthwiseConv2dInputGrad',
  infer: ([g], { shape }) => [{ shape, dtype: g.dtype }],
  vjp: ([gg], { inputs: [g, w], attrs }) => [
    apply1(depthwiseConv2dOp, [gg!, w], windowOf(attrs)),
    apply1(depthwiseConv2dWeightGradOp, [gg!, g], { ...windowOf(attrs), shape: w.shape }),
  ],
  reference: ([g, w], attrs) => {
    const result = new Float64Array(sizeOf(attrs.shape))
    const taps = tapsFirst(w)
    eachProduct(attrs.shape, g.shape, w.shape, attrs, (c, image, output, tap) => {
      for (let i = 0; i < c; i++) result[image + i] += g.data[output + i] * taps[tap + i]
    })
    return [result]
  },
  flops: ([g, w]) => 2 * sizeOf(g.shape) * w.shape[2] * w.shape[3],
}

/** Gradient of the weight [C, 1, kh, kw] (`shape`) from the input and the gradient of the output. */
export const depthwiseConv2dWeightGradOp: Op<DepthwiseGradAttrs> = {
  name: 'depthwiseConv2dWeightGrad',
  infer: ([x], { shape }) => [{ shape, dtype: x.dtype }],
  vjp: ([gw], { inputs: [x, g], attrs }) => [
    apply1(depthwiseConv2dInputGradOp, [g, gw!], { ...windowOf(attrs), shape: x.shape }),
    apply1(depthwiseConv2dOp, [x, gw!], windowOf(attrs)),
  ],
  reference: ([x, g], attrs) => {
    const [channels, , kh, kw] = attrs.shape
    const taps = new Float64Array(channels * kh * kw)
    eachProduct(x.shape, g.shape, attrs.shape, attrs, (c, image, output, tap) => {
      for (let i = 0; i < c; i++) taps[tap + i] += x.data[image + i] * g.data[output + i]
    })
    return [taps.map((_, i) => taps[(i % (kh * kw)) * channels + Math.floor(i / (kh * kw))])]
  },
  flops: ([, g], _, { shape }) => 2 * sizeOf(g.shape) * shape[2] * shape[3],
}

/** [C, 1, kh, kw] → [kh·kw, C]. */
function tapsFirst(w: NdArray): Float64Array {
  const [c, , kh, kw] = w.shape
  return w.data.map((_, i) => w.data[(i % c) * kh * kw + Math.floor(i / c)])
}

/** Calls `visit` with the channel count and the flat positions of channel 0 in the image, the output and the taps. */
function eachProduct(
  image: Shape,
  output: Shape,
  weight: Shape,
  { stride, padding, dilation }: WindowAttrs,
  visit: (channels: number, image: number, output: number, tap: number) => void,
): void {
  const [n, h, w, c] = image
  const [, oh, ow] = output
  const [, , kh, kw] = weight
  for (let b = 0; b < n; b++) {
    eachTap(h, oh, kh, padding[0], stride[0], dilation[0], (y, ky, iy) => {
      eachTap(w, ow, kw, padding[2], stride[1], dilation[1], (x, kx, ix) => {
        visit(c, ((b * h + iy) * w + ix) * c, ((b * oh + y) * ow + x) * c, (ky * kw + kx) * c)
      })
    })
  }
}
