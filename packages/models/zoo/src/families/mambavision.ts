import { MambaVision, type MambaVisionVariant, toPlain, variants } from '@scanline/mambavision'
import type { ModelInfo } from '../model-info.js'
import type { Family } from './family.js'

const common = {
  family: 'mambavision',
  numClasses: 1000,
  cropMode: 'center',
  interpolation: 'bicubic',
  pipeline: 'timm-1.0',
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
  // Of the weights: research and evaluation only.
  licence: 'CC-BY-NC-SA-4.0',
  paper: 'https://arxiv.org/abs/2407.08083',
} as const

interface Figures {
  readonly params: number
  readonly gmacs: number
  readonly top1: number
  readonly top5: number
}

/** The authors' figures, all at the size of the training; `repository` is below nvidia/MambaVision-. */
function model(
  architecture: MambaVisionVariant,
  repository: string,
  { params, gmacs, top1, top5 }: Figures,
  { size = 224, cropPct = 1, ...more }: { readonly size?: number; readonly cropPct?: number } & Partial<ModelInfo> = {},
): ModelInfo {
  return {
    ...common,
    name: architecture,
    architecture,
    tag: '',
    inputSize: [3, size, size],
    testInputSize: [3, size, size],
    cropPct,
    testCropPct: cropPct,
    weights: `nvidia/MambaVision-${repository}`,
    published: { params, gmacs: { [size]: gmacs }, top1: { [size]: top1 }, top5: { [size]: top5 } },
    ...more,
  }
}

const at512 = { size: 512, cropPct: 0.93, cropMode: 'squash' } as const

/** Multiply-adds count convolutions and linear layers only, without the attention's products and the scan. */
const models: readonly ModelInfo[] = [
  model('mamba_vision_T', 'T-1K', { params: 31_794_248, gmacs: 4.4, top1: 82.3, top5: 96.2 }),
  model('mamba_vision_T2', 'T2-1K', { params: 35_104_008, gmacs: 5.1, top1: 82.7, top5: 96.3 }, { cropPct: 0.98 }),
  model('mamba_vision_S', 'S-1K', { params: 50_140_584, gmacs: 7.5, top1: 83.3, top5: 96.5 }, { cropPct: 0.93 }),
  model('mamba_vision_B', 'B-1K', { params: 97_685_288, gmacs: 15.0, top1: 84.2, top5: 96.9 }),
  model('mamba_vision_B_21k', 'B-21K', { params: 97_685_288, gmacs: 15.0, top1: 84.9, top5: 97.5 }),
  model('mamba_vision_L', 'L-1K', { params: 227_961_048, gmacs: 34.9, top1: 85.0, top5: 97.1 }),
  model('mamba_vision_L_21k', 'L-21K', { params: 227_961_048, gmacs: 34.9, top1: 86.1, top5: 97.9 }),
  model('mamba_vision_L2', 'L2-1K', { params: 241_554_824, gmacs: 37.5, top1: 85.3, top5: 97.2 }),
  model('mamba_vision_L2_512_21k', 'L2-512-21K', { params: 241_554_824, gmacs: 196.3, top1: 87.3, top5: 98.4 }, at512),
  model('mamba_vision_L3_256_21k', 'L3-256-21K', { params: 739_570_472, gmacs: 122.3, top1: 87.3, top5: 98.3 }, { size: 256 }),
  model('mamba_vision_L3_512_21k', 'L3-512-21K', { params: 739_570_472, gmacs: 489.1, top1: 88.1, top5: 98.6 }, at512),
]

export const mambavision: Family = {
  name: 'mambavision',
  models,
  create: (architecture, { imgSize: _, ...overrides }, options) =>
    new MambaVision({ ...variants[architecture as MambaVisionVariant], ...overrides }, options),
  firstConv: 'patch_embed.conv_down.0.weight',
  classifier: 'head',
  rename: toPlain,
}
