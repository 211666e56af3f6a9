import { rmsNorm, type Tensor } from '@scanline/tensor'
import { fillConstant } from '../init.js'
import { Module, type ModuleOptions } from '../module.js'
import { parameter } from '../parameter.js'

export interface RmsNormOptions extends ModuleOptions {
  /** Added to the mean square. 1e-5 unless told otherwise. */
  readonly eps?: number
}

/** Division by the root mean square of the last axis, then scale (Zhang and Sennrich, arXiv 1910.07467). */
export class RmsNorm extends Module {
  weight: Tensor
  readonly eps: number

  constructor(dim: number, { eps = 1e-5, ...options }: RmsNormOptions) {
    super()
    this.weight = parameter([dim], options)
    this.eps = eps
    if (options.generator) fillConstant(this.weight, 1)
  }
  protected override get details(): string {
    return `${this.weight.size}, eps ${this.eps.toExponential()}`
  }
  forward(x: Tensor): Tensor {
    return rmsNorm(x, this.weight, this.eps)
  }
}
