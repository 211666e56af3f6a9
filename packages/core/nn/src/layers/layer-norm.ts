import { layerNorm, type Tensor } from '@scanline/tensor'
import { fillConstant } from '../init.js'
import { Module, type ModuleOptions } from '../module.js'
import { parameter } from '../parameter.js'

export interface LayerNormOptions extends ModuleOptions {
  /** Added to the variance. 1e-5, PyTorch's default, unless told otherwise. */
  readonly eps?: number
}

/** Normalisation over the last axis, then scale and shift (Ba et al., arXiv 1607.06450). */
export class LayerNorm extends Module {
  weight: Tensor
  bias: Tensor
  readonly eps: number

  constructor(dim: number, { eps = 1e-5, ...options }: LayerNormOptions) {
    super()
    this.weight = parameter([dim], options)
    this.bias = parameter([dim], options)
    this.eps = eps
    if (options.generator) {
      fillConstant(this.weight, 1)
      fillConstant(this.bias, 0)
    }
  }
  protected override get details(): string {
    return `${this.weight.size}, eps ${this.eps.toExponential()}`
  }
  forward(x: Tensor): Tensor {
    return layerNorm(x, this.weight, this.bias, this.eps)
  }
}
