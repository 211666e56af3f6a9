import type { MambaVisionConfig, TrunkConfig } from './config.js'

const at224 = [8, 8, 14, 7]
const at256 = [8, 8, 16, 8]
const at512 = [8, 8, 32, 16]
const narrow = [2, 4, 8, 16]
const wide = [4, 8, 16, 32]

const base = {
  depths: [3, 3, 10, 5],
  dim: 128,
  inDim: 64,
  numHeads: narrow,
  windowSize: at224,
  dropPathRate: 0.3,
  layerScale: 1e-5,
}
const large = { ...base, dim: 196, numHeads: wide }
const large2 = { ...large, depths: [3, 3, 12, 5] }
const large3 = { ...large, depths: [3, 3, 20, 10], dim: 256, dropPathRate: 0.5 }

/** The published variants (arXiv 2407.08083). Those with `21k` were trained on ImageNet-21k first; they have 1000 classes too. */
export const variants = {
  mamba_vision_T: { depths: [1, 3, 8, 4], dim: 80, inDim: 32, numHeads: narrow, windowSize: at224, dropPathRate: 0.2 },
  mamba_vision_T2: { depths: [1, 3, 11, 4], dim: 80, inDim: 32, numHeads: narrow, windowSize: at224, dropPathRate: 0.2 },
  mamba_vision_S: { depths: [3, 3, 7, 5], dim: 96, inDim: 64, numHeads: narrow, windowSize: at224, dropPathRate: 0.2 },
  mamba_vision_B: base,
  mamba_vision_B_21k: base,
  mamba_vision_L: large,
  mamba_vision_L_21k: large,
  mamba_vision_L2: large2,
  mamba_vision_L2_512_21k: { ...large2, windowSize: at512 },
  mamba_vision_L3_256_21k: { ...large3, windowSize: at256 },
  mamba_vision_L3_512_21k: { ...large3, windowSize: at512 },
} as const satisfies Record<string, MambaVisionConfig>

export type MambaVisionVariant = keyof typeof variants

const dense = { dropPathRate: 0.2 } as const

/**
 * What the published detectors and segmenters are built on: classifiers with windows so large that nearly every image is
 * one of them. Drop path is 0.2 in all: the rates of their configuration files are never passed on.
 */
export const denseVariants = {
  cascade_mask_rcnn_T: { ...variants.mamba_vision_T, windowSize: [8, 8, 112, 56], ...dense },
  cascade_mask_rcnn_S: { ...variants.mamba_vision_S, windowSize: [8, 8, 112, 56], ...dense },
  cascade_mask_rcnn_B: { ...variants.mamba_vision_B, windowSize: [8, 8, 112, 56], ...dense },
  upernet_T: { ...variants.mamba_vision_T, windowSize: [8, 8, 64, 32], ...dense },
  upernet_S: { ...variants.mamba_vision_S, windowSize: [8, 8, 160, 56], ...dense },
  upernet_B: { ...variants.mamba_vision_B, windowSize: [8, 8, 64, 32], ...dense },
  upernet_L3_512_21k: { ...variants.mamba_vision_L3_512_21k, windowSize: [8, 8, 64, 32], ...dense },
} as const satisfies Record<string, TrunkConfig>

export type DenseVariant = keyof typeof denseVariants
