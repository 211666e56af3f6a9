import { EfficientViM, type EfficientViMVariant, toPlain, variants } from '@scanline/efficientvim'
import { ArgumentError } from '@scanline/tensor'
import type { ModelInfo } from '../model-info.js'
import type { Family } from './family.js'

interface Figures {
  readonly params: number
  readonly distilledParams: number
  /** Published multiply-adds, in thousand millions: those of matrix products, and two per element of a batch norm. */
  readonly gmacs: number
  /** Of 450 epochs, of 300, and of 300 with distillation. */
  readonly top1: readonly [e450: number, e300: number, distilled: number]
}

/** The weights with the averaged parameters; the first entry is the architecture's default. */
function variant(
  architecture: 'efficientvim_m1' | 'efficientvim_m2' | 'efficientvim_m3' | 'efficientvim_m4',
  size: number,
  figures: Figures,
): ModelInfo[] {
  const { params, distilledParams, gmacs, top1 } = figures
  const model = (
    name: EfficientViMVariant,
    tag: string,
    count: number,
    work: number | undefined,
    accuracy: number,
  ): ModelInfo => ({
    name: `${name}.${tag}`,
    architecture: name,
    tag,
    family: 'efficientvim',
    numClasses: 1000,
    inputSize: [3, size, size],
    testInputSize: [3, size, size],
    cropPct: 0.875,
    testCropPct: 0.875,
    cropMode: 'center',
    interpolation: 'bicubic',
    pipeline: 'timm-1.0',
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
    licence: 'MIT',
    weights: `timm/${name}.${tag}`,
    paper: 'https://arxiv.org/abs/2411.15241',
    published: { params: count, gmacs: work === undefined ? {} : { [size]: work }, top1: { [size]: accuracy }, top5: {} },
  })
  return [
    model(architecture, 'e450_in1k', params, gmacs, top1[0]),
    model(architecture, 'e300_in1k', params, gmacs, top1[1]),
    model(`${architecture}_dist`, 'in1k', distilledParams, undefined, top1[2]),
  ]
}

const models: readonly ModelInfo[] = [
  ...variant('efficientvim_m1', 224, {
    params: 6_679_458,
    distilledParams: 7_643_462,
    gmacs: 0.239,
    top1: [73.5, 72.9, 74.6],
  }),
  ...variant('efficientvim_m2', 224, {
    params: 13_903_842,
    distilledParams: 15_315_846,
    gmacs: 0.355,
    top1: [75.8, 75.4, 76.7],
  }),
  ...variant('efficientvim_m3', 224, {
    params: 16_604_174,
    distilledParams: 18_176_178,
    gmacs: 0.656,
    top1: [77.9, 77.6, 79.1],
  }),
  ...variant('efficientvim_m4', 256, {
    params: 19_606_505,
    distilledParams: 21_178_509,
    gmacs: 1.111,
    top1: [79.6, 79.4, 80.7],
  }),
]

export const efficientvim: Family = {
  name: 'efficientvim',
  models,
  // The distilled ones are named as their files are.
  aliases: Object.fromEntries(
    [1, 2, 3, 4].flatMap((n) => ['', '_dist'].map((kind) => [`EfficientViM_M${n}${kind}`, `efficientvim_m${n}${kind}`])),
  ),
  create: (architecture, { dropRate, imgSize: _, ...overrides }, options) => {
    if (dropRate) throw new ArgumentError(`EfficientViM has no dropout, so dropRate must be 0, got ${dropRate}`)
    return new EfficientViM({ ...variants[architecture as EfficientViMVariant], ...overrides }, options)
  },
  firstConv: 'patch_embed.conv.0.conv.weight',
  classifier: 'heads.0',
  classifierParts: ['weights', 'weights_dist', 'heads', 'heads_dist'],
  averagedWeights: true,
  rename: toPlain,
}
