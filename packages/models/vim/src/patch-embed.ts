import { Conv2d, Module, type ModuleOptions } from '@scanline/nn'
import { reshape, scope, type Tensor } from '@scanline/tensor'

/** One token for each patch, row by row, without norm: [N, H, W, in] → [N, patches, dim]. */
export class PatchEmbed extends Module {
  readonly proj: Conv2d

  constructor(inChannels: number, dim: number, { patchSize, stride, ...options }: PatchEmbedOptions) {
    super()
    this.proj = new Conv2d(inChannels, dim, patchSize, { stride, ...options })
  }
  forward(x: Tensor): Tensor {
    return scope(() => {
      const map = this.proj.forward(x)
      const [n, h, w, dim] = map.shape
      return reshape(map, [n, h * w, dim])
    })
  }
}

export interface PatchEmbedOptions extends ModuleOptions {
  readonly patchSize: number
  /** Distance of neighbouring patches; patches may overlap. */
  readonly stride: number
}
