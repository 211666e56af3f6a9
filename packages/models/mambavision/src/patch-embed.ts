import { BatchNorm2d, Conv2d, Module, type ModuleOptions } from '@scanline/nn'
import { relu, scope, type Tensor } from '@scanline/tensor'

class Relu extends Module {
  forward(x: Tensor): Tensor {
    return relu(x)
  }
}

/** Two convolutions of stride 2, each with norm and ReLU: [N, H, W, in] → [N, ⌈H/4⌉, ⌈W/4⌉, dim]. */
export class PatchEmbed extends Module {
  readonly convDown: readonly [Conv2d, BatchNorm2d, Relu, Conv2d, BatchNorm2d, Relu]

  constructor(inChans: number, inDim: number, dim: number, options: ModuleOptions) {
    super()
    const halving = { stride: 2, padding: 1, bias: false, ...options }
    const norm = { eps: 1e-4, ...options }
    this.convDown = [
      new Conv2d(inChans, inDim, 3, halving),
      new BatchNorm2d(inDim, norm),
      new Relu(),
      new Conv2d(inDim, dim, 3, halving),
      new BatchNorm2d(dim, norm),
      new Relu(),
    ]
  }
  forward(x: Tensor): Tensor {
    return scope(() => this.convDown.reduce((y, layer) => layer.forward(y), x))
  }
}
