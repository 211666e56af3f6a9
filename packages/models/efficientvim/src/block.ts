import { HsmSsd } from '@scanline/hsm-ssd'
import { ChannelNorm, DropPath, fillConstant, Module, type ModuleOptions, parameter } from '@scanline/nn'
import { add, mul, type RandomStreams, reshape, ShapeError, scope, sigmoid, slice, sub, type Tensor } from '@scanline/tensor'
import { type ConvNorm, depthwise } from './conv-norm.js'
import { FeedForward } from './feed-forward.js'

export interface BlockOptions extends ModuleOptions {
  /** States of the mixer: 64. */
  readonly stateDim?: number
  /** 4. */
  readonly mlpRatio?: number
  /** 1. */
  readonly ssdExpand?: number
  /** Probability of leaving a part out for a sample, in training mode. 0 unless told otherwise. */
  readonly dropPath?: number
}

/** A feature map [N, H, W, C], and the hidden state [N, S, C] of a mixer on the way to it. */
export interface BlockOutput {
  readonly map: Tensor
  readonly hidden: Tensor
}

/**
 * Depthwise convolution, mixer, depthwise convolution, feed-forward. Each part f is blended in, channel by channel:
 * (1 - s) x + s f(x) with s = sigmoid(alpha).
 */
export class EfficientViMBlock extends Module {
  alpha: Tensor
  readonly mixer: HsmSsd
  readonly norm: ChannelNorm
  readonly dwconv1: ConvNorm
  readonly dwconv2: ConvNorm
  readonly ffn: FeedForward
  readonly dropPath: DropPath | undefined

  constructor(dim: number, { stateDim = 64, mlpRatio = 4, ssdExpand = 1, dropPath = 0, ...options }: BlockOptions) {
    super()
    this.alpha = parameter([4, dim], options)
    this.mixer = new HsmSsd(dim, { stateDim, expand: ssdExpand, ...options })
    this.norm = new ChannelNorm(dim, { spatialAxes: 1, ...options })
    this.dwconv1 = depthwise(dim, options)
    this.dwconv2 = depthwise(dim, options)
    this.ffn = new FeedForward(dim, Math.trunc(dim * mlpRatio), options)
    this.dropPath = dropPath > 0 ? new DropPath(dropPath) : undefined
    if (options.generator) fillConstant(this.alpha, 1e-4)
  }

  /**
   * [N, H, W, dim] → the same shape, and the mixer's hidden state. Throws `ShapeError`; `ArgumentError` in training mode
   * with drop path and without `random`.
   */
  forward(x: Tensor, random?: RandomStreams): BlockOutput {
    const dim = this.mixer.dim
    if (x.rank !== 4 || x.shape[3] !== dim)
      throw new ShapeError(`this EfficientViM block needs [N, H, W, ${dim}], channels last, got ${x}`)
    return scope(() => {
      const [n, height, width] = x.shape
      const share = sigmoid(this.alpha)
      const blend = (part: number, from: Tensor, to: Tensor): Tensor => {
        const s = reshape(slice(share, 0, part, part + 1), [dim])
        // x + s (f(x) - x): one epilogue of the kernel that computes f(x).
        const step = mul(sub(to, from), s)
        return add(from, this.dropPath ? this.dropPath.forward(step, random) : step)
      }
      let y = blend(0, x, this.dwconv1.forward(x))
      const tokens = reshape(y, [n, height * width, dim])
      const mixed = this.mixer.forward(this.norm.forward(tokens), height, width)
      y = reshape(blend(1, tokens, mixed.tokens), [n, height, width, dim])
      y = blend(2, y, this.dwconv2.forward(y))
      return { map: blend(3, y, this.ffn.forward(y)), hidden: mixed.hidden }
    })
  }
}
