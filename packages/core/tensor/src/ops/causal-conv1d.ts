import { ShapeError } from '../errors.js'
import { scope } from '../scope.js'
import { formatShape } from '../shape.js'
import type { Tensor } from '../tensor.js'
import { silu } from './activation.js'
import { conv2d } from './conv2d.js'
import { reshape } from './view.js'

/**
 * A convolution of each channel along the sequence that looks back only: zeros before the start, the last tap on the
 * current position. `x` [N, L, D], `weight` [D, W] or [D, 1, W], `bias` [D]; the output is as long as `x`. Throws
 * `ShapeError`.
 *
 * @example
 * const u = causalConv1d(x, conv.weight, conv.bias, { activation: 'silu' })
 */
export function causalConv1d(
  x: Tensor,
  weight: Tensor,
  bias?: Tensor,
  { activation }: { readonly activation?: 'silu' | undefined } = {},
): Tensor {
  const width = weight.shape[weight.rank - 1]
  const depthwise = weight.rank === 2 || (weight.rank === 3 && weight.shape[1] === 1)
  if (x.rank !== 3 || !depthwise || weight.shape[0] !== x.shape[2])
    throw new ShapeError(
      `causalConv1d needs x [N, L, D] and a weight [D, W] or [D, 1, W], got ${formatShape(x.shape)} and ${formatShape(weight.shape)}`,
    )
  return scope(() => {
    const [n, length, channels] = x.shape
    const image = reshape(x, [n, 1, length, channels])
    const taps = reshape(weight, [channels, 1, 1, width])
    const y = conv2d(image, taps, bias, { padding: [0, 0, width - 1, 0], groups: channels })
    // Before the view, so that the convolution can apply it as it stores.
    return reshape(activation === 'silu' ? silu(y) : y, x.shape)
  })
}
