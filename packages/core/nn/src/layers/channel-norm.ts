import { layerNorm, reshape, scope, type Tensor } from '@scanline/tensor'
import { fillConstant } from '../init.js'
import { Module, type ModuleOptions } from '../module.js'
import { parameter } from '../parameter.js'

export interface ChannelNormOptions extends ModuleOptions {
  /** Added to the variance. 1e-5 unless told otherwise. */
  readonly eps?: number
  /** Axes of length 1 behind the channels in the parameters' shapes: 1 for [1, C, 1], 2 for [1, C, 1, 1] (the default). */
  readonly spatialAxes?: 1 | 2
}

/**
 * Layer norm over the channels of each position, channels last, with parameters stored as they are broadcast in
 * channels-first code: EfficientViM's LayerNorm1D and LayerNorm2D.
 */
export class ChannelNorm extends Module {
  weight: Tensor
  bias: Tensor
  readonly eps: number

  constructor(channels: number, { eps = 1e-5, spatialAxes = 2, ...options }: ChannelNormOptions) {
    super()
    const shape = [1, channels, ...new Array<number>(spatialAxes).fill(1)]
    this.weight = parameter(shape, options)
    this.bias = parameter(shape, options)
    this.eps = eps
    if (options.generator) this.reset()
  }
  protected override get details(): string {
    return `${this.weight.size}, eps ${this.eps.toExponential()}`
  }
  /** Scale 1, shift 0. */
  reset(): void {
    fillConstant(this.weight, 1)
    fillConstant(this.bias, 0)
  }
  /** [..., C] → the same shape. Throws `ShapeError` for another number of channels. */
  forward(x: Tensor): Tensor {
    return scope(() => layerNorm(x, reshape(this.weight, [-1]), reshape(this.bias, [-1]), this.eps))
  }
}
