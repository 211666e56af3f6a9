import { Module, type ModuleOptions, SqueezeExcite } from '@scanline/nn'
import { add, scope, type Tensor } from '@scanline/tensor'
import { ConvNorm, depthwise } from './conv-norm.js'

export interface PatchMergingOptions extends ModuleOptions {
  /** Channels in between as a multiple of the output's. 4 unless told otherwise. */
  readonly ratio?: number
}

/** Between two stages: [N, H, W, in] → [N, ⌈H/2⌉, ⌈W/2⌉, out], an inverted bottleneck between two residual depthwise convolutions. */
export class PatchMerging extends Module {
  readonly conv: readonly [ConvNorm, ConvNorm, SqueezeExcite, ConvNorm]
  readonly dwconv1: ConvNorm
  readonly dwconv2: ConvNorm

  constructor(inChannels: number, outChannels: number, { ratio = 4, ...options }: PatchMergingOptions) {
    super()
    const hidden = Math.trunc(outChannels * ratio)
    this.conv = [
      new ConvNorm(inChannels, hidden, 1, { relu: true, ...options }),
      depthwise(hidden, { stride: 2, relu: true, ...options }),
      new SqueezeExcite(hidden, options),
      new ConvNorm(hidden, outChannels, 1, options),
    ]
    this.dwconv1 = depthwise(inChannels, options)
    this.dwconv2 = depthwise(outChannels, options)
  }
  forward(x: Tensor): Tensor {
    return scope(() => {
      let y = add(x, this.dwconv1.forward(x))
      for (const layer of this.conv) y = layer.forward(y)
      return add(y, this.dwconv2.forward(y))
    })
  }
}
