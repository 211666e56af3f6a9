import { MambaVisionBlock, type MambaVisionBlockOptions, partitionWindows, reverseWindows } from '@scanline/mambavision-mixer'
import { Module, type ModuleOptions } from '@scanline/nn'
import { type RandomStreams, scope, type Tensor } from '@scanline/tensor'
import { ConvBlock } from './conv-block.js'
import { Downsample } from './downsample.js'

export interface ConvLevelOptions extends ModuleOptions {
  readonly layerScale?: number | undefined
  /** One probability for each block. */
  readonly dropPaths: readonly number[]
}

export interface TokenLevelOptions
  extends ConvLevelOptions,
    Pick<MambaVisionBlockOptions, 'numHeads' | 'mlpRatio' | 'qkvBias' | 'qkNorm' | 'dropout' | 'attnDropout'> {
  /** Side of the windows. */
  readonly windowSize: number
  /** Which blocks attend; the others scan. The last ⌊depth / 2⌋ unless told otherwise. */
  readonly attention?: readonly number[]
}

/** Blocks on a feature map, then downsampling for the next level, unless there is none. */
abstract class Level extends Module {
  abstract readonly blocks: readonly Module[]
  abstract downsample: Downsample | undefined
  /** Without the downsampling: [N, H, W, dim] → the same shape. */
  abstract forwardBlocks(x: Tensor, random?: RandomStreams): Tensor

  forward(x: Tensor, random?: RandomStreams): Tensor {
    return scope(() => {
      const y = this.forwardBlocks(x, random)
      return this.downsample ? this.downsample.forward(y) : y
    })
  }
}

/** The first two levels: convolutional blocks. */
export class ConvLevel extends Level {
  readonly blocks: readonly ConvBlock[]
  downsample: Downsample | undefined

  constructor(dim: number, downsampled: boolean, { dropPaths, layerScale, ...options }: ConvLevelOptions) {
    super()
    this.blocks = dropPaths.map((dropPath) => new ConvBlock(dim, { layerScale, dropPath, ...options }))
    this.downsample = downsampled ? new Downsample(dim, options) : undefined
  }
  forwardBlocks(x: Tensor, random?: RandomStreams): Tensor {
    return scope(() => this.blocks.reduce((y, block) => block.forward(y, random), x.alias()))
  }
}

/** The last two levels: token blocks within windows, padded with zeros that nothing masks. */
export class TokenLevel extends Level {
  readonly blocks: readonly MambaVisionBlock[]
  downsample: Downsample | undefined
  readonly windowSize: number

  constructor(
    dim: number,
    downsampled: boolean,
    { dropPaths, windowSize, attention = lastHalf(dropPaths.length), ...options }: TokenLevelOptions,
  ) {
    super()
    const { device, dtype, generator } = options
    this.blocks = dropPaths.map(
      (dropPath, i) => new MambaVisionBlock(dim, { ...options, mixer: attention.includes(i) ? 'attention' : 'scan', dropPath }),
    )
    this.downsample = downsampled
      ? new Downsample(dim, { device, ...(dtype && { dtype }), ...(generator && { generator }) })
      : undefined
    this.windowSize = windowSize
  }
  protected override get details(): string {
    return `windows ${this.windowSize}×${this.windowSize}`
  }
  forwardBlocks(x: Tensor, random?: RandomStreams): Tensor {
    return scope(() => {
      const tokens = this.blocks.reduce((y, block) => block.forward(y, random), partitionWindows(x, this.windowSize))
      return reverseWindows(tokens, this.windowSize, { height: x.shape[1], width: x.shape[2] })
    })
  }
}

/** Of an odd number of blocks the smaller half. */
const lastHalf = (depth: number): number[] => Array.from({ length: Math.floor(depth / 2) }, (_, i) => Math.ceil(depth / 2) + i)
