import { add, matmul, permute, reshape, ShapeError, scope, type Tensor } from '@scanline/tensor'
import { fillDefault } from '../init.js'
import { Module, type ModuleOptions } from '../module.js'
import { parameter } from '../parameter.js'

/**
 * Transposed convolution whose stride is its kernel, so that outputs do not overlap: [N, H, W, in] →
 * [N, k · H, k · W, out], by one product. The weight is [in, out, k, k], as in PyTorch.
 */
export class ConvTranspose2d extends Module {
  weight: Tensor
  bias: Tensor

  constructor(inChannels: number, outChannels: number, kernel: number, options: ModuleOptions) {
    super()
    this.weight = parameter([inChannels, outChannels, kernel, kernel], options)
    this.bias = parameter([outChannels], options)
    if (options.generator) fillDefault(this.weight, this.bias, options.generator)
  }
  protected override get details(): string {
    const [inChannels, outChannels, kernel] = this.weight.shape
    return `${inChannels} → ${outChannels}, ${kernel}×${kernel}`
  }
  /** Throws `ShapeError` for another rank or number of channels. */
  forward(x: Tensor): Tensor {
    const [inChannels, outChannels, k] = this.weight.shape
    if (x.rank !== 4 || x.shape[3] !== inChannels)
      throw new ShapeError(`ConvTranspose2d(${this.details}) needs [N, H, W, ${inChannels}], got ${x}`)
    return scope(() => {
      const [n, h, w] = x.shape
      const taps = reshape(matmul(x, reshape(this.weight, [inChannels, outChannels * k * k])), [n, h, w, outChannels, k, k])
      return add(reshape(permute(taps, [0, 1, 4, 2, 5, 3]), [n, h * k, w * k, outChannels]), this.bias)
    })
  }
}
