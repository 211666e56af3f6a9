import { Conv2d, LayerNorm, Module, type ModuleOptions } from '@scanline/nn'
import { scope, type Tensor } from '@scanline/tensor'

/** Between two stages: [N, H, W, in] → [N, ⌈H/2⌉, ⌈W/2⌉, out], normalised afterwards. The official DownsampleLayer. */
export class Downsample extends Module {
  readonly conv: Conv2d
  readonly norm: LayerNorm

  constructor(inChannels: number, outChannels: number, options: ModuleOptions) {
    super()
    this.conv = new Conv2d(inChannels, outChannels, 3, { stride: 2, padding: 1, ...options })
    this.norm = new LayerNorm(outChannels, { eps: 1e-6, ...options })
  }
  forward(x: Tensor): Tensor {
    return scope(() => this.norm.forward(this.conv.forward(x)))
  }
}

/** The same, normalised before: timm's variants of its own. */
export class DownsampleNormFirst extends Module {
  readonly norm: LayerNorm
  readonly conv: Conv2d

  constructor(inChannels: number, outChannels: number, options: ModuleOptions) {
    super()
    this.norm = new LayerNorm(inChannels, { eps: 1e-6, ...options })
    this.conv = new Conv2d(inChannels, outChannels, 3, { stride: 2, padding: 1, ...options })
  }
  forward(x: Tensor): Tensor {
    return scope(() => this.conv.forward(this.norm.forward(x)))
  }
}
