import { ArgumentError, mean, mul, relu, scope, sigmoid, type Tensor } from '@scanline/tensor'
import { Module, type ModuleOptions } from '../module.js'
import { Conv2d } from './conv2d.js'

export interface SqueezeExciteOptions extends ModuleOptions {
  /** Reduced channels; a quarter, rounded to a multiple of 8 and at least 8, unless told otherwise. */
  readonly reduced?: number
}

/**
 * Squeeze and excitation (Hu et al., arXiv 1709.01507): every channel times a factor that two 1×1 convolutions compute from
 * the means of all channels. Names and rounding are timm's.
 */
export class SqueezeExcite extends Module {
  readonly fc1: Conv2d
  readonly fc2: Conv2d

  /** Throws `ArgumentError` for less than one reduced channel. */
  constructor(
    channels: number,
    { reduced = Math.max(8, 8 * Math.floor((channels / 4 + 4) / 8)), ...options }: SqueezeExciteOptions,
  ) {
    super()
    if (!Number.isInteger(reduced) || reduced < 1)
      throw new ArgumentError(`squeeze and excitation needs a whole number of reduced channels from 1, got ${reduced}`)
    this.fc1 = new Conv2d(channels, reduced, 1, options)
    this.fc2 = new Conv2d(reduced, channels, 1, options)
  }
  /** [N, H, W, C] → the same shape. Throws `ShapeError`. */
  forward(x: Tensor): Tensor {
    return scope(() => mul(x, sigmoid(this.fc2.forward(relu(this.fc1.forward(mean(x, [1, 2], true)))))))
  }
}
