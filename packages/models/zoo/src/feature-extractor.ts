import { Module } from '@scanline/nn'
import type { RandomStreams, Tensor } from '@scanline/tensor'
import type { Backbone } from './backbone.js'

/** A backbone that gives the outputs of some of its stages: what detection and segmentation build on. */
export class FeatureExtractor extends Module {
  readonly model: Backbone
  /** Stages, from 0. */
  readonly outIndices: readonly number[]
  /** Channels of each output. */
  readonly channels: readonly number[]
  /** How many times smaller than the image each output is. */
  readonly reductions: readonly number[]

  /** Takes the model over, and frees the stages and the classifier that no output needs. */
  constructor(model: Backbone, outIndices?: number | readonly number[]) {
    super()
    const info = model.featureInfo
    this.outIndices = model.pruneIntermediateLayers(outIndices)
    this.channels = this.outIndices.map((i) => info[i].channels)
    this.reductions = this.outIndices.map((i) => info[i].reduction)
    this.model = model
    this.train(model.training)
  }
  protected override get details(): string {
    return `stages ${this.outIndices.join(', ')}`
  }
  /** Images [N, H, W, C] → one map [N, ⌈H / reduction⌉, ⌈W / reduction⌉, channels] for each stage. */
  forward(x: Tensor, random?: RandomStreams): Tensor[] {
    return this.model.features(x, { outIndices: this.outIndices, ...(random && { random }) })
  }
}
