export type { FeatureInfo } from '@scanline/nn'
export {
  type BackboneOptions,
  EfficientViMBackbone,
  type FeatureOptions,
} from './backbone.js'
export { type BlockOptions, type BlockOutput, EfficientViMBlock } from './block.js'
export type { BackboneConfig, EfficientViMConfig } from './config.js'
export { ConvNorm, type ConvNormOptions } from './conv-norm.js'
export { type DistilledLogits, EfficientViM, type IntermediatesOptions } from './efficientvim.js'
export { FeedForward } from './feed-forward.js'
export { EfficientViMFpn, type FpnOptions } from './fpn.js'
export { toPlain } from './key-layout.js'
export { PatchMerging, type PatchMergingOptions } from './patch-merging.js'
export { EfficientViMStage, type StageOptions, type StageOutput } from './stage.js'
export { Stem } from './stem.js'
export { type EfficientViMVariant, variants } from './variants.js'
