import { Module, type ModuleOptions } from '@scanline/nn'
import { scope, type Tensor } from '@scanline/tensor'
import { ConvNorm } from './conv-norm.js'

/** Two 1×1 convolutions with batch norm, a ReLU between them. */
export class FeedForward extends Module {
  readonly fc1: ConvNorm
  readonly fc2: ConvNorm

  constructor(channels: number, hidden: number, options: ModuleOptions) {
    super()
    this.fc1 = new ConvNorm(channels, hidden, 1, { relu: true, ...options })
    this.fc2 = new ConvNorm(hidden, channels, 1, options)
  }
  forward(x: Tensor): Tensor {
    return scope(() => this.fc2.forward(this.fc1.forward(x)))
  }
}
