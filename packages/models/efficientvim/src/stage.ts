import { Module, type ModuleOptions } from '@scanline/nn'
import { type RandomStreams, scope, type Tensor } from '@scanline/tensor'
import { EfficientViMBlock } from './block.js'
import { PatchMerging } from './patch-merging.js'

export interface StageOptions extends ModuleOptions {
  /** Channels of the next stage; the last one has none. */
  readonly outDim: number | undefined
  readonly stateDim: number
  readonly mlpRatio: number
  readonly ssdExpand: number
  /** One probability for each block. */
  readonly dropPaths: readonly number[]
}

export interface StageOutput {
  /** Input of the next stage; the map itself behind the last one. */
  readonly next: Tensor
  /** Before downsampling. */
  readonly map: Tensor
  /** Of the last block, [N, S, C]. */
  readonly hidden: Tensor
}

/** Blocks, then downsampling for the next stage. */
export class EfficientViMStage extends Module {
  readonly blocks: readonly EfficientViMBlock[]
  /** Absent in the last stage, and where its output is not needed. */
  downsample: PatchMerging | undefined

  constructor(dim: number, { outDim, dropPaths, ...options }: StageOptions) {
    super()
    const { device, dtype, generator } = options
    this.blocks = dropPaths.map((dropPath) => new EfficientViMBlock(dim, { ...options, dropPath }))
    this.downsample =
      outDim === undefined
        ? undefined
        : new PatchMerging(dim, outDim, { device, ...(dtype && { dtype }), ...(generator && { generator }) })
  }
  /** Without the downsampling. */
  forwardBlocks(x: Tensor, random?: RandomStreams): Omit<StageOutput, 'next'> {
    return scope(() => {
      const [first, ...rest] = this.blocks
      let output = first.forward(x, random)
      for (const block of rest) output = block.forward(output.map, random)
      return output
    })
  }
  forward(x: Tensor, random?: RandomStreams): StageOutput {
    return scope(() => {
      const { map, hidden } = this.forwardBlocks(x, random)
      return { next: this.downsample ? this.downsample.forward(map) : map.alias(), map, hidden }
    })
  }
}
