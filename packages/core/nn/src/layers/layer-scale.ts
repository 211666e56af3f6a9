import { mul, type Tensor } from '@scanline/tensor'
import { fillConstant } from '../init.js'
import { Module, type ModuleOptions } from '../module.js'
import { parameter } from '../parameter.js'

export interface LayerScaleOptions extends ModuleOptions {
  /** Initial value of every channel; 1e-5 unless told otherwise. */
  readonly init?: number
}

/** One learned factor per channel (Touvron et al., arXiv 2103.17239). */
export class LayerScale extends Module {
  gamma: Tensor

  constructor(dim: number, { init = 1e-5, ...options }: LayerScaleOptions) {
    super()
    this.gamma = parameter([dim], options)
    if (options.generator) fillConstant(this.gamma, init)
  }
  protected override get details(): string {
    return `${this.gamma.size}`
  }
  forward(x: Tensor): Tensor {
    return mul(x, this.gamma)
  }
}
