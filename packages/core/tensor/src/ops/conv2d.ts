import { apply1 } from '../dispatch.js'
import { DTypeError, ShapeError } from '../errors.js'
import type { Op } from '../op.js'
import { scope } from '../scope.js'
import { formatShape, sizeOf } from '../shape.js'
import type { Tensor } from '../tensor.js'
import { add } from './arithmetic.js'
import { concat } from './concat.js'
import { depthwiseConv2dOp } from './depthwise-conv2d.js'
import { applyEpilogue, checkEpilogue, type Epilogue, epilogueFlops, unfused } from './epilogue.js'
import { matmul } from './matmul.js'
import { fold, unfold } from './unfold.js'
import { permute, reshape, split, transpose } from './view.js'
import { eachTap, type WindowAttrs, type WindowOptions, windowAttrs, windowShape } from './window.js'

export type Conv2dAttrs = WindowAttrs & Epilogue

/** Dense convolution: `x` [N, H, W, I], `weight` [O, I, kh, kw]; then the epilogue. */
export const conv2dOp: Op<Conv2dAttrs> = {
  name: 'conv2d',
  infer: ([x, w, ...extras], attrs) => {
    if (w.shape.length !== 4 || w.shape[1] !== x.shape[3])
      throw new ShapeError(
        `conv2d of ${formatShape(x.shape)} needs a weight [O, ${x.shape[3]}, kh, kw], got ${formatShape(w.shape)}`,
      )
    if (x.dtype !== w.dtype) throw new DTypeError(`conv2d got ${x.dtype} and a weight of ${w.dtype}; cast() one of them`)
    const shape = [x.shape[0], ...windowShape('conv2d', x.shape, [w.shape[2], w.shape[3]], attrs), w.shape[0]]
    checkEpilogue('conv2d', attrs.epilogue, extras, shape)
    return [{ shape, dtype: x.dtype }]
  },
  decompose: ([x, w, ...extras], { epilogue, ...window }) => {
    if (epilogue) return unfused(apply1(conv2dOp, [x, w], window), epilogue, extras)
    const kernel = [w.shape[2], w.shape[3]] as const
    const columns = unfold(x, { ...window, kernel })
    const rows = reshape(columns, [sizeOf(columns.shape.slice(0, 3)), -1])
    return [reshape(matmul(rows, transpose(asMatrix(w))), [...columns.shape.slice(0, 3), w.shape[0]])]
  },
  vjp: ([g], { inputs: [x, w], attrs: { epilogue: _, ...window } }) => {
    const kernel = [w.shape[2], w.shape[3]] as const
    const grads = reshape(g!, [-1, w.shape[0]])
    const columns = unfold(x, { ...window, kernel })
    const gradX = fold(reshape(matmul(grads, asMatrix(w)), columns.shape), { ...window, kernel, shape: x.shape })
    const gradW = matmul(transpose(grads), reshape(columns, [grads.shape[0], -1]))
    return [gradX, permute(reshape(gradW, [w.shape[0], ...kernel, w.shape[1]]), [0, 3, 1, 2])]
  },
  reference: ([x, w, ...extras], { stride, padding, dilation, epilogue }, [out]) => {
    const [n, h, width, channels] = x.shape
    const [, oh, ow, o] = out.shape
    const [kh, kw] = w.shape.slice(2)
    // Taps first: [kh, kw, I, O], so that the inner loop walks over outputs.
    const taps = new Float64Array(w.data.length)
    for (let i = 0; i < taps.length; i++) {
      const [filter, channel, tap] = [Math.floor(i / (channels * kh * kw)), Math.floor(i / (kh * kw)) % channels, i % (kh * kw)]
      taps[(tap * channels + channel) * o + filter] = w.data[i]
    }
    const result = new Float64Array(sizeOf(out.shape))
    for (let b = 0; b < n; b++) {
      eachTap(h, oh, kh, padding[0], stride[0], dilation[0], (y, ky, iy) => {
        eachTap(width, ow, kw, padding[2], stride[1], dilation[1], (px, kx, ix) => {
          const from = ((b * h + iy) * width + ix) * channels
          const to = ((b * oh + y) * ow + px) * o
          for (let c = 0; c < channels; c++) {
            const value = x.data[from + c]
            const row = ((ky * kw + kx) * channels + c) * o
            for (let f = 0; f < o; f++) result[to + f] += value * taps[row + f]
          }
        })
      })
    }
    return [applyEpilogue(result, epilogue, extras)]
  },
  flops: ([, w], [out], { epilogue }) => 2 * sizeOf(out.shape) * sizeOf(w.shape.slice(1)) + epilogueFlops(epilogue, out.shape),
}

/** [O, I, kh, kw] → [O, kh·kw·I], the order of unfolded columns. */
const asMatrix = (w: Tensor): Tensor => reshape(permute(w, [0, 2, 3, 1]), [w.shape[0], -1])

/**
 * 2-d convolution (cross-correlation, as PyTorch's). `x` [N, H, W, I] channels last, `weight` [O, I / groups, kh, kw] in
 * PyTorch's layout, `bias` [O] → [N, OH, OW, O]. `groups` equal to the channels is a depthwise convolution.
 * Throws `ShapeError` or `DTypeError`.
 *
 * @example
 * const y = conv2d(x, weight, bias, { stride: 2, padding: 1 })
 */
export function conv2d(
  x: Tensor,
  weight: Tensor,
  bias?: Tensor,
  { groups = 1, ...window }: WindowOptions & { readonly groups?: number } = {},
): Tensor {
  const attrs = windowAttrs(window)
  return scope(() => {
    const y = grouped(x, weight, groups, attrs)
    return bias ? add(y, bias) : y
  })
}

function grouped(x: Tensor, weight: Tensor, groups: number, attrs: WindowAttrs): Tensor {
  if (groups === 1) return apply1(conv2dOp, [x, weight], attrs)
  const channels = x.shape[3]
  if (groups < 1 || channels % groups !== 0 || weight.shape[0] % groups !== 0)
    throw new ShapeError(`conv2d: ${groups} groups divide neither ${channels} channels nor ${weight.shape[0]} filters evenly`)
  if (groups === channels && weight.shape[0] === channels) return apply1(depthwiseConv2dOp, [x, weight], attrs)
  const each = (n: number) => new Array<number>(groups).fill(n / groups)
  const filters = split(weight, each(weight.shape[0]), 0)
  return concat(split(x, each(channels)).map((part, i) => apply1(conv2dOp, [part, filters[i]], attrs)))
}
