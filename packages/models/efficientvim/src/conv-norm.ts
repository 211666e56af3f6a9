import { BatchNorm2d, Conv2d, type Conv2dOptions, Module } from '@scanline/nn'
import { relu, scope, type Tensor } from '@scanline/tensor'

export interface ConvNormOptions extends Omit<Conv2dOptions, 'bias'> {
  /** A ReLU behind the norm. */
  readonly relu?: boolean
}

/** Convolution without bias, batch norm, and a ReLU if asked for. */
export class ConvNorm extends Module {
  readonly conv: Conv2d
  readonly norm: BatchNorm2d
  readonly relu: boolean

  constructor(inChannels: number, outChannels: number, kernel: number, { relu = false, ...options }: ConvNormOptions) {
    super()
    this.conv = new Conv2d(inChannels, outChannels, kernel, { ...options, padding: (kernel - 1) / 2, bias: false })
    const { device, dtype, generator } = options
    this.norm = new BatchNorm2d(outChannels, { device, ...(dtype && { dtype }), ...(generator && { generator }) })
    this.relu = relu
  }
  protected override get details(): string {
    return this.relu ? 'relu' : ''
  }
  forward(x: Tensor): Tensor {
    return scope(() => {
      const y = this.norm.forward(this.conv.forward(x))
      return this.relu ? relu(y) : y
    })
  }
}

/** 3×3, each channel by itself. */
export const depthwise = (channels: number, options: ConvNormOptions): ConvNorm =>
  new ConvNorm(channels, channels, 3, { ...options, groups: channels })
