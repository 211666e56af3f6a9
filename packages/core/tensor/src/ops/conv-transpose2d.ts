import { apply1 } from '../dispatch.js'
import { DTypeError, ShapeError } from '../errors.js'
import { scope } from '../scope.js'
import { formatShape } from '../shape.js'
import type { Tensor } from '../tensor.js'
import { add } from './arithmetic.js'
import { concat } from './concat.js'
import { depthwiseConv2dInputGradOp } from './depthwise-conv2d.js'
import { matmul } from './matmul.js'
import { pad } from './pad.js'
import { fold } from './unfold.js'
import { permute, reshape, split } from './view.js'
import { type WindowAttrs, windowAttrs } from './window.js'

type Pair = number | readonly [number, number]

export interface ConvTranspose2dOptions {
  /** Distance of the outputs of neighbouring inputs: one number for both axes, or [height, width]. 1 by default. */
  readonly stride?: Pair
  /** Rows and columns that are cut off the full output, on each side. 0 by default. */
  readonly padding?: Pair
  /** Rows at the bottom and columns at the right that are cut off less, or added as zeros: less than stride or dilation. 0 by default. */
  readonly outputPadding?: Pair
  /** Distance between neighbouring taps. 1 by default. */
  readonly dilation?: Pair
  /** Channels are divided into so many independent convolutions; as many as channels is a depthwise one. 1 by default. */
  readonly groups?: number
}

/**
 * Transposed convolution, the adjoint of `conv2d`, with PyTorch's arguments: `x` [N, H, W, I], `weight`
 * [I, O / groups, kh, kw], `bias` [O] → [N, (H - 1) · stride - 2 · padding + dilation · (kh - 1) + outputPadding + 1, …, O].
 * One product for all taps, which are then added where they belong. Throws `ShapeError`, `DTypeError`.
 *
 * @example
 * const doubled = convTranspose2d(x, weight, bias, { stride: 2, padding: 1, outputPadding: 1 }) // weight [I, O, 3, 3]
 */
export function convTranspose2d(
  x: Tensor,
  weight: Tensor,
  bias?: Tensor,
  { outputPadding = 0, groups = 1, ...options }: ConvTranspose2dOptions = {},
): Tensor {
  check(x, weight, groups)
  const attrs = windowAttrs(options)
  const extra = typeof outputPadding === 'number' ? ([outputPadding, outputPadding] as const) : outputPadding
  return scope(() => {
    const y = grouped(x, weight, groups, geometry(x, weight, attrs, extra))
    return bias ? add(y, bias) : y
  })
}

interface Geometry {
  /** With which `conv2d` reads the output. */
  readonly window: WindowAttrs
  /** What the taps reach of the output. */
  readonly size: readonly [number, number]
  /** Rows and columns of zeros behind that. */
  readonly zeros: readonly [number, number]
}

function geometry(x: Tensor, weight: Tensor, attrs: WindowAttrs, extra: readonly [number, number]): Geometry {
  const { stride, padding, dilation } = attrs
  const axes = [0, 1].map((axis) => {
    if (!Number.isInteger(extra[axis]) || extra[axis] < 0 || extra[axis] >= Math.max(stride[axis], dilation[axis]))
      throw new ShapeError(
        `convTranspose2d: outputPadding must be a whole number from 0 and less than stride or dilation, got ${formatShape(extra)} with stride ${formatShape(stride)} and dilation ${formatShape(dilation)}`,
      )
    const before = padding[2 * axis]
    // What is cut off less at the end; a convolution of the result then has just as many windows as the input has values.
    const after = Math.max(0, before - extra[axis])
    const full = (x.shape[1 + axis] - 1) * stride[axis] + dilation[axis] * (weight.shape[2 + axis] - 1) + 1
    return { before, after, size: full - before - after, zeros: Math.max(0, extra[axis] - before) }
  })
  const [rows, columns] = axes
  if (rows.size < 1 || columns.size < 1)
    throw new ShapeError(
      `convTranspose2d: nothing is left of an input ${formatShape(x.shape)} with a kernel ${weight.shape[2]}×${weight.shape[3]} and padding ${padding[0]}, ${padding[2]}`,
    )
  return {
    window: { ...attrs, padding: [rows.before, rows.after, columns.before, columns.after] },
    size: [rows.size, columns.size],
    zeros: [rows.zeros, columns.zeros],
  }
}

function grouped(x: Tensor, weight: Tensor, groups: number, geometry: Geometry): Tensor {
  const depthwise = groups > 1 && groups === x.shape[3] && weight.shape[1] === 1
  if (groups === 1 || depthwise) return withZeros(taps(x, weight, depthwise, geometry), geometry)
  const each = new Array<number>(groups).fill(x.shape[3] / groups)
  const filters = split(weight, each, 0)
  return withZeros(concat(split(x, each).map((part, i) => taps(part, filters[i], false, geometry))), geometry)
}

function taps(x: Tensor, weight: Tensor, depthwise: boolean, { window, size }: Geometry): Tensor {
  const [n, h, w, channels] = x.shape
  const [, outputs, kh, kw] = weight.shape
  if (depthwise) return apply1(depthwiseConv2dInputGradOp, [x, weight], { ...window, shape: [n, ...size, channels] })
  const { stride, dilation, padding } = window
  const apart = stride[0] === kh && stride[1] === kw && [...dilation, ...padding.map((p) => p + 1)].every((v) => v === 1)
  if (apart) {
    const products = reshape(matmul(x, reshape(weight, [channels, outputs * kh * kw])), [n, h, w, outputs, kh, kw])
    return reshape(permute(products, [0, 1, 4, 2, 5, 3]), [n, h * kh, w * kw, outputs])
  }
  const columns = matmul(x, reshape(permute(weight, [0, 2, 3, 1]), [channels, kh * kw * outputs]))
  return fold(reshape(columns, [n, h, w, kh, kw, outputs]), { ...window, kernel: [kh, kw], shape: [n, ...size, outputs] })
}

const withZeros = (y: Tensor, { zeros: [rows, columns] }: Geometry): Tensor =>
  rows + columns === 0 ? y : pad(y, { before: [0, 0, 0, 0], after: [0, rows, columns, 0] })

function check(x: Tensor, weight: Tensor, groups: number): void {
  if (x.rank !== 4 || weight.rank !== 4 || weight.shape[0] !== x.shape[3])
    throw new ShapeError(
      `convTranspose2d needs x [N, H, W, I] and a weight [I, O / groups, kh, kw], got ${formatShape(x.shape)} and ${formatShape(weight.shape)}`,
    )
  if (!Number.isInteger(groups) || groups < 1 || x.shape[3] % groups !== 0)
    throw new ShapeError(`convTranspose2d: ${groups} groups do not divide ${x.shape[3]} channels evenly`)
  if (x.dtype !== weight.dtype)
    throw new DTypeError(`convTranspose2d got ${x.dtype} and a weight of ${weight.dtype}; cast() one of them`)
}
