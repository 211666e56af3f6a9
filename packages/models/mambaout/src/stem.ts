import { type ActivationName, activation, Conv2d, LayerNorm, Module, type ModuleOptions } from '@scanline/nn'
import { ArgumentError, scope, type Tensor } from '@scanline/tensor'

export interface StemOptions extends ModuleOptions {
  /** A norm between the convolutions. True unless told otherwise. */
  readonly midNorm?: boolean
  readonly act?: ActivationName
}

/** Two convolutions of stride 2: [N, H, W, in] → [N, ⌈H/4⌉, ⌈W/4⌉, out]. The official StemLayer, timm's Stem. */
export class Stem extends Module {
  readonly conv1: Conv2d
  readonly norm1: LayerNorm | undefined
  readonly conv2: Conv2d
  readonly norm2: LayerNorm
  readonly act: ActivationName

  /** Throws `ArgumentError` for less than two output channels. */
  constructor(inChannels: number, outChannels: number, { midNorm = true, act = 'gelu', ...options }: StemOptions) {
    super()
    const half = Math.trunc(outChannels / 2)
    if (half < 1) throw new ArgumentError(`the stem needs at least 2 output channels, got ${outChannels}`)
    activation(act)
    const halving = { stride: 2, padding: 1, ...options }
    const norm = { eps: 1e-6, ...options }
    this.conv1 = new Conv2d(inChannels, half, 3, halving)
    this.norm1 = midNorm ? new LayerNorm(half, norm) : undefined
    this.conv2 = new Conv2d(half, outChannels, 3, halving)
    this.norm2 = new LayerNorm(outChannels, norm)
    this.act = act
  }
  protected override get details(): string {
    return this.act
  }
  forward(x: Tensor): Tensor {
    return scope(() => {
      let y = this.conv1.forward(x)
      if (this.norm1) y = this.norm1.forward(y)
      return this.norm2.forward(this.conv2.forward(activation(this.act)(y)))
    })
  }
}
