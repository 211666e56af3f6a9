import { Module, type ModuleOptions } from '@scanline/nn'
import { ArgumentError, scope, type Tensor } from '@scanline/tensor'
import { ConvNorm } from './conv-norm.js'

/** Four 3×3 convolutions of stride 2: [N, H, W, in] → [N, ⌈H/16⌉, ⌈W/16⌉, out]. */
export class Stem extends Module {
  readonly conv: readonly ConvNorm[]

  /** Throws `ArgumentError` for less than eight output channels. */
  constructor(inChannels: number, outChannels: number, options: ModuleOptions) {
    super()
    if (outChannels < 8) throw new ArgumentError(`the stem needs at least 8 output channels, got ${outChannels}`)
    const widths = [8, 4, 2, 1].map((by) => Math.floor(outChannels / by))
    this.conv = widths.map(
      (width, i) => new ConvNorm(widths[i - 1] ?? inChannels, width, 3, { stride: 2, relu: i < 3, ...options }),
    )
  }
  forward(x: Tensor): Tensor {
    return scope(() => this.conv.reduce((y, layer) => layer.forward(y), x))
  }
}
