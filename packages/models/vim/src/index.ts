export type { FeatureInfo } from '@scanline/nn'
export type { VimConfig } from './config.js'
export {
  type DenseConfig,
  type DenseLoadOptions,
  type LastLayer,
  type SegmentationConfig,
  VimDetectionBackbone,
  VimFeaturePyramid,
  VimSegmentationBackbone,
} from './dense.js'
export { toVim } from './key-layout.js'
export { type Streams, VimLayer, type VimLayerOptions } from './layer.js'
export { PatchEmbed, type PatchEmbedOptions } from './patch-embed.js'
export { type ClassTokenRows, type ResizePosEmbedOptions, resizedPosEmbed, resizePosEmbed } from './pos-embed.js'
export { VisionRotaryEmbedding } from './rope.js'
export { VimTrunk } from './trunk.js'
export { registeredNames, type VimVariant, variants } from './variants.js'
export { type HeadForwardOptions, Vim } from './vim.js'
