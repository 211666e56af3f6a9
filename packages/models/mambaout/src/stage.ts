import { GatedCnnBlock } from '@scanline/gated-cnn'
import { type ActivationName, Module, type ModuleOptions } from '@scanline/nn'
import { type RandomStreams, scope, type Tensor } from '@scanline/tensor'
import { Downsample, DownsampleNormFirst } from './downsample.js'

export interface StageOptions extends ModuleOptions {
  /** How it halves height and width first; the first stage does not. */
  readonly downsample: 'conv' | 'conv_nf' | undefined
  readonly expansionRatio: number
  readonly convRatio: number
  readonly kernelSize: number
  readonly act: ActivationName
  readonly lsInit: number | undefined
  /** One probability for each block. */
  readonly dropPaths: readonly number[]
}

/** Downsampling, then gated CNN blocks. */
export class MambaOutStage extends Module {
  readonly downsample: Downsample | DownsampleNormFirst | undefined
  readonly blocks: readonly GatedCnnBlock[]

  constructor(inChannels: number, dim: number, { downsample, lsInit, dropPaths, ...options }: StageOptions) {
    super()
    const { device, dtype, generator } = options
    const memory = { device, ...(dtype && { dtype }), ...(generator && { generator }) }
    if (downsample === 'conv') this.downsample = new Downsample(inChannels, dim, memory)
    if (downsample === 'conv_nf') this.downsample = new DownsampleNormFirst(inChannels, dim, memory)
    this.blocks = dropPaths.map(
      (dropPath) => new GatedCnnBlock(dim, { ...options, ...(lsInit !== undefined && { lsInit }), dropPath }),
    )
  }
  forward(x: Tensor, random?: RandomStreams): Tensor {
    return scope(() => {
      let y = this.downsample ? this.downsample.forward(x) : x
      for (const block of this.blocks) y = block.forward(y, random)
      return y
    })
  }
}
