import { Conv2d, fillConstant, fillTruncatedNormal, LayerNorm, RmsNorm } from '@scanline/nn'
import { type Generator, sizeOf, type Tensor } from '@scanline/tensor'
import { VimMixer } from '@scanline/vim-mixer'
import type { VimTrunk } from './trunk.js'

/**
 * The published initial values. `out_proj` is divided by the root of the depth, as each layer adds to the residual once;
 * the patch convolution has LeCun's deviation, corrected for a truncation that its absolute bounds never make.
 */
export function initialise(model: VimTrunk, generator: Generator): void {
  for (const module of model.modules()) {
    if (module instanceof VimMixer) {
      module.initialise(generator, { outputScale: model.layers.length ** -0.5 })
    } else if (module instanceof RmsNorm || module instanceof LayerNorm) {
      fillConstant(module.weight, 1)
      if (module instanceof LayerNorm) fillConstant(module.bias, 0)
    } else if (module instanceof Conv2d) {
      const fanIn = sizeOf(module.weight.shape.slice(1))
      fillTruncatedNormal(module.weight, generator, { std: fanIn ** -0.5 / 0.8796 })
      fillConstant(module.bias!, 0)
    }
  }
  const small = (tensor: Tensor | undefined) => tensor && fillTruncatedNormal(tensor, generator)
  for (const tensor of [model.clsToken, model.clsTokenHead, model.clsTokenTail, model.posEmbed]) small(tensor)
  if (model.head) {
    small(model.head.weight)
    fillConstant(model.head.bias!, 0)
  }
}
