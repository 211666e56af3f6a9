import { apply1 } from '../dispatch.js'
import { ArgumentError } from '../errors.js'
import type { Op } from '../op.js'
import { type Shape, sizeOf } from '../shape.js'
import type { Tensor } from '../tensor.js'
import { eachTap, type WindowAttrs, type WindowOptions, windowAttrs, windowShape } from './window.js'

export type PoolAttrs = WindowAttrs & { readonly kernel: readonly [number, number] }
export type AvgPoolAttrs = PoolAttrs & { readonly countPadding: boolean }

/** Largest element of each window; padding never wins. */
export const maxPool2dOp: Op<PoolAttrs> = {
  name: 'maxPool2d',
  infer: ([x], attrs) => [
    { shape: [x.shape[0], ...windowShape('maxPool2d', x.shape, attrs.kernel, attrs), x.shape[3]], dtype: x.dtype },
  ],
  vjp: ([g], { inputs: [x], attrs }) => [apply1(maxPool2dGradOp, [x, g!], attrs)],
  reference: ([x], attrs, [out]) => {
    const result = new Float64Array(sizeOf(out.shape)).fill(Number.NEGATIVE_INFINITY)
    eachElement(x.shape, out.shape, attrs, (from, to) => (result[to] = Math.max(result[to], x.data[from])))
    return [result]
  },
  flops: (_, [out], { kernel }) => sizeOf(out.shape) * kernel[0] * kernel[1],
}

/** Each output's gradient to the first of its window's largest inputs, as PyTorch does. */
export const maxPool2dGradOp: Op<PoolAttrs> = {
  name: 'maxPool2dGrad',
  infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
  reference: ([x, g], attrs) => {
    const winner = new Float64Array(g.data.length).fill(-1)
    eachElement(x.shape, g.shape, attrs, (from, to) => {
      if (winner[to] < 0 || x.data[from] > x.data[winner[to]] || Number.isNaN(x.data[from])) winner[to] = from
    })
    const result = new Float64Array(x.data.length)
    g.data.forEach((v, i) => {
      result[winner[i]] += v
    })
    return [result]
  },
  flops: (_, [out], { kernel }) => sizeOf(out.shape) * kernel[0] * kernel[1],
}

/** Mean of each window, divided by the whole window or by the elements inside the image. */
export const avgPool2dOp: Op<AvgPoolAttrs> = {
  name: 'avgPool2d',
  infer: ([x], attrs) => [
    { shape: [x.shape[0], ...windowShape('avgPool2d', x.shape, attrs.kernel, attrs), x.shape[3]], dtype: x.dtype },
  ],
  vjp: ([g], { inputs: [x], attrs }) => [apply1(avgPool2dGradOp, [g!], { ...attrs, shape: x.shape })],
  reference: ([x], attrs, [out]) => {
    const result = new Float64Array(sizeOf(out.shape))
    const weight = windowWeights(x.shape, out.shape, attrs)
    eachElement(x.shape, out.shape, attrs, (from, to) => (result[to] += x.data[from] * weight[to]))
    return [result]
  },
  flops: (_, [out], { kernel }) => sizeOf(out.shape) * kernel[0] * kernel[1],
}

export const avgPool2dGradOp: Op<AvgPoolAttrs & { readonly shape: Shape }> = {
  name: 'avgPool2dGrad',
  infer: ([g], { shape }) => [{ shape, dtype: g.dtype }],
  vjp: ([gg], { attrs: { shape: _, ...attrs } }) => [apply1(avgPool2dOp, [gg!], attrs)],
  reference: ([g], attrs) => {
    const result = new Float64Array(sizeOf(attrs.shape))
    const weight = windowWeights(attrs.shape, g.shape, attrs)
    eachElement(attrs.shape, g.shape, attrs, (from, to) => (result[from] += g.data[to] * weight[to]))
    return [result]
  },
  flops: ([g], _, { kernel }) => sizeOf(g.shape) * kernel[0] * kernel[1],
}

function windowWeights(image: Shape, output: Shape, attrs: AvgPoolAttrs): Float64Array {
  const counts = new Float64Array(sizeOf(output)).fill(attrs.countPadding ? attrs.kernel[0] * attrs.kernel[1] : 0)
  if (!attrs.countPadding) eachElement(image, output, attrs, (_, to) => counts[to]++)
  return counts.map((n) => 1 / n)
}

/** Calls `visit` with the flat positions of every input element of every window and of its output. */
function eachElement(
  image: Shape,
  output: Shape,
  { kernel, stride, padding, dilation }: PoolAttrs,
  visit: (from: number, to: number) => void,
): void {
  const [n, h, w, c] = image
  const [, oh, ow] = output
  for (let b = 0; b < n; b++) {
    eachTap(h, oh, kernel[0], padding[0], stride[0], dilation[0], (y, _ky, iy) => {
      eachTap(w, ow, kernel[1], padding[2], stride[1], dilation[1], (x, _kx, ix) => {
        for (let i = 0; i < c; i++) visit(((b * h + iy) * w + ix) * c + i, ((b * oh + y) * ow + x) * c + i)
      })
    })
  }
}

export interface PoolOptions extends WindowOptions {
  /** One number for both axes, or [height, width]. */
  readonly kernel: number | readonly [number, number]
}

function poolAttrs({ kernel, stride = kernel, ...window }: PoolOptions): PoolAttrs {
  const size = typeof kernel === 'number' ? ([kernel, kernel] as const) : kernel
  const attrs = windowAttrs({ ...window, stride })
  const [top, bottom, left, right] = attrs.padding
  const reach = size.map((k, i) => attrs.dilation[i] * (k - 1) + 1)
  // A window that lies wholly in the padding has no largest element and no mean.
  if (Math.max(top, bottom) >= reach[0] || Math.max(left, right) >= reach[1])
    throw new ArgumentError(`pooling: padding ${attrs.padding} must be smaller than the kernel's reach ${reach}`)
  return { ...attrs, kernel: size }
}

/** Largest element of each window of `x` [N, H, W, C]; the stride is the kernel unless given. */
export const maxPool2d = (x: Tensor, options: PoolOptions): Tensor => apply1(maxPool2dOp, [x], poolAttrs(options))

/** Mean of each window of `x` [N, H, W, C]; padding counts as zeros unless `countPadding` is false. */
export const avgPool2d = (
  x: Tensor,
  { countPadding = true, ...options }: PoolOptions & { readonly countPadding?: boolean },
): Tensor => apply1(avgPool2dOp, [x], { ...poolAttrs(options), countPadding })
