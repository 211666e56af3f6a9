import type { EfficientViMConfig } from './config.js'

const m1: EfficientViMConfig = { embedDim: [128, 192, 320], depths: [2, 2, 2], stateDim: [49, 25, 9] }
const m2: EfficientViMConfig = { embedDim: [128, 256, 512], depths: [2, 2, 2], stateDim: [49, 25, 9] }
const m3: EfficientViMConfig = { embedDim: [224, 320, 512], depths: [2, 2, 2], stateDim: [49, 25, 9] }
const m4: EfficientViMConfig = { embedDim: [224, 320, 512], depths: [3, 4, 2], stateDim: [64, 32, 16] }
const distilled = { distillation: true } as const

/** The published variants (arXiv 2411.15241, table 3), under timm's names; the authors' are `EfficientViM_M1`, …. */
export const variants = {
  efficientvim_m1: m1,
  efficientvim_m2: m2,
  efficientvim_m3: m3,
  efficientvim_m4: m4,
  efficientvim_m1_dist: { ...m1, ...distilled },
  efficientvim_m2_dist: { ...m2, ...distilled },
  efficientvim_m3_dist: { ...m3, ...distilled },
  efficientvim_m4_dist: { ...m4, ...distilled },
} as const satisfies Record<string, EfficientViMConfig>

export type EfficientViMVariant = keyof typeof variants
