import type { FeatureInfo, Module } from '@scanline/nn'
import type { Generator, RandomStreams, Tensor } from '@scanline/tensor'

/** What every model of the zoo can do. Images and feature maps are [N, H, W, C]. */
export interface Backbone extends Module {
  /** 0 without a classifier. */
  readonly numClasses: number
  /** Channels of the last feature map. */
  readonly numFeatures: number
  /** Width of what the classifier reads. */
  readonly headHiddenSize: number
  /** Of each stage. */
  readonly featureInfo: readonly FeatureInfo[]
  /** Images → logits. `random` is needed in training mode with dropout or drop path. */
  forward(x: Tensor, random?: RandomStreams): Tensor
  /** Images → what `forwardHead` takes: the last feature map, or pooled vectors where the classifier reads every stage. */
  forwardFeatures(x: Tensor, random?: RandomStreams): Tensor
  /** That → logits, or with `preLogits` what the classifier reads. */
  forwardHead(features: Tensor, options?: { readonly preLogits?: boolean; readonly random?: RandomStreams }): Tensor
  /** Outputs of chosen stages: a list of them, or how many of the last; all by default. */
  features(x: Tensor, options?: { readonly outIndices?: number | readonly number[]; readonly random?: RandomStreams }): Tensor[]
  /** Another classifier, from the generator or of zeros; 0 for none. */
  resetClassifier(numClasses: number, globalPool?: string, generator?: Generator): void
  /** Frees what the chosen stages do not need; gives their numbers from 0. */
  pruneIntermediateLayers(indices?: number | readonly number[]): number[]
}
