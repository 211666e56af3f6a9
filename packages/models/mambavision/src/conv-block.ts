import { BatchNorm2d, Conv2d, DropPath, fillConstant, Module, type ModuleOptions, parameter } from '@scanline/nn'
import { add, geluTanh, mul, type RandomStreams, scope, type Tensor } from '@scanline/tensor'

export interface ConvBlockOptions extends ModuleOptions {
  /** Start value of one factor per channel; without it there are none. */
  readonly layerScale?: number | undefined
  /** Probability of skipping the branch for an image, in training mode: 0. */
  readonly dropPath?: number
}

/** The residual block of the first two levels: x + γ · norm2(conv2(GELU(norm1(conv1(x))))), GELU by tanh. */
export class ConvBlock extends Module {
  gamma: Tensor | undefined
  readonly conv1: Conv2d
  readonly norm1: BatchNorm2d
  readonly conv2: Conv2d
  readonly norm2: BatchNorm2d
  readonly dropPath: DropPath | undefined

  constructor(dim: number, { layerScale, dropPath = 0, ...options }: ConvBlockOptions) {
    super()
    if (layerScale !== undefined) {
      this.gamma = parameter([dim], options)
      if (options.generator) fillConstant(this.gamma, layerScale)
    }
    this.conv1 = new Conv2d(dim, dim, 3, { padding: 1, ...options })
    this.norm1 = new BatchNorm2d(dim, options)
    this.conv2 = new Conv2d(dim, dim, 3, { padding: 1, ...options })
    this.norm2 = new BatchNorm2d(dim, options)
    this.dropPath = dropPath > 0 ? new DropPath(dropPath) : undefined
  }
  /** [N, H, W, dim] → the same shape. */
  forward(x: Tensor, random?: RandomStreams): Tensor {
    return scope(() => {
      const hidden = geluTanh(this.norm1.forward(this.conv1.forward(x)))
      const y = this.norm2.forward(this.conv2.forward(hidden))
      const scaled = this.gamma ? mul(y, this.gamma) : y
      return add(x, this.dropPath ? this.dropPath.forward(scaled, random) : scaled)
    })
  }
}
