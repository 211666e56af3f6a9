import { Conv2d, Module, type ModuleOptions } from '@scanline/nn'
import type { Tensor } from '@scanline/tensor'

/** A bare convolution behind a level: [N, H, W, dim] → [N, ⌈H/2⌉, ⌈W/2⌉, 2 · dim]. */
export class Downsample extends Module {
  readonly reduction: readonly [Conv2d]

  constructor(dim: number, options: ModuleOptions) {
    super()
    this.reduction = [new Conv2d(dim, 2 * dim, 3, { stride: 2, padding: 1, bias: false, ...options })]
  }
  forward(x: Tensor): Tensor {
    return this.reduction[0].forward(x)
  }
}
