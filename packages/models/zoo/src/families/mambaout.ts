import { MambaOut, type MambaOutVariant, toTimm, variants } from '@scanline/mambaout'
import type { ModelInfo, PublishedFigures } from '../model-info.js'
import type { Family } from './family.js'

const common = {
  family: 'mambaout',
  numClasses: 1000,
  inputSize: [3, 224, 224],
  testInputSize: [3, 288, 288],
  cropPct: 1,
  testCropPct: 1,
  cropMode: 'center',
  interpolation: 'bicubic',
  pipeline: 'timm-1.0',
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
  licence: 'Apache-2.0',
  paper: 'https://arxiv.org/abs/2405.07992',
} as const

/** Accuracies are [top-1, top-5] by size. */
type Figures = Pick<PublishedFigures, 'params' | 'gmacs'> & { readonly accuracy: Readonly<Record<number, readonly number[]>> }

const column = (accuracy: Figures['accuracy'], k: number): Record<number, number> =>
  Object.fromEntries(Object.entries(accuracy).flatMap(([size, values]) => (k in values ? [[size, values[k]]] : [])))

function model(
  architecture: MambaOutVariant,
  tag: string,
  { accuracy, ...cost }: Figures,
  more: Partial<Omit<ModelInfo, 'published'>> = {},
): ModelInfo {
  const name = tag === '' ? architecture : `${architecture}.${tag}`
  return {
    ...common,
    name,
    architecture,
    tag,
    weights: `timm/${name}`,
    ...more,
    published: { ...cost, top1: column(accuracy, 0), top5: column(accuracy, 1) },
  }
}

/** The authors' own file, and their figures: one size, top-1 only. */
const official = (architecture: MambaOutVariant, params: number, gmacs: number, top1: number): ModelInfo =>
  model(
    architecture,
    'official',
    { params, gmacs: { 224: gmacs }, accuracy: { 224: [top1] } },
    {
      testInputSize: [3, 224, 224],
      pipeline: 'timm-0.6',
      weights: `https://github.com/yuweihao/MambaOut/releases/download/model/${architecture}.pth`,
    },
  )

const closer = { cropPct: 0.95 } as const

/** Figures of timm's tags were measured by timm; multiply-adds count five per element of a layer norm. */
const models: readonly ModelInfo[] = [
  model('mambaout_femto', 'in1k', {
    params: 7_304_536,
    gmacs: { 224: 1.16, 288: 1.91 },
    accuracy: { 224: [78.88, 94.408], 288: [79.912, 95.134] },
  }),
  official('mambaout_femto', 7_304_536, 1.2, 78.9),
  model('mambaout_kobe', 'in1k', {
    params: 9_141_208,
    gmacs: { 224: 1.52, 288: 2.5 },
    accuracy: { 224: [79.986, 94.982], 288: [81.064, 95.682] },
  }),
  official('mambaout_kobe', 9_141_208, 1.5, 80.0),
  model('mambaout_tiny', 'in1k', {
    params: 26_545_096,
    gmacs: { 224: 4.49, 288: 7.41 },
    accuracy: { 224: [82.742, 96.098], 288: [83.452, 96.54] },
  }),
  official('mambaout_tiny', 26_545_096, 4.5, 82.7),
  model('mambaout_small', 'in1k', {
    params: 48_488_072,
    gmacs: { 224: 8.96, 288: 14.81 },
    accuracy: { 224: [84.094, 96.626], 288: [84.512, 96.97] },
  }),
  official('mambaout_small', 48_488_072, 9.0, 84.1),
  model('mambaout_base', 'in1k', {
    params: 84_813_092,
    gmacs: { 224: 15.83, 288: 26.16 },
    accuracy: { 224: [84.194, 96.668], 288: [84.73, 96.934] },
  }),
  official('mambaout_base', 84_813_092, 15.8, 84.2),
  model('mambaout_small_rw', 'sw_e450_in1k', {
    params: 48_495_560,
    gmacs: { 224: 8.96, 288: 14.81 },
    accuracy: { 224: [84.04, 96.742], 288: [84.604, 97.096] },
  }),
  model(
    'mambaout_base_short_rw',
    'sw_e500_in1k',
    {
      params: 88_827_688,
      gmacs: { 224: 16.31, 288: 26.96 },
      accuracy: { 224: [84.364, 96.944], 288: [84.842, 97.286] },
    },
    closer,
  ),
  model(
    'mambaout_base_tall_rw',
    'sw_e500_in1k',
    {
      params: 86_481_448,
      gmacs: { 224: 16.15, 288: 26.69 },
      accuracy: { 224: [84.436, 96.956], 288: [84.988, 97.334] },
    },
    closer,
  ),
  model(
    'mambaout_base_wide_rw',
    'sw_e500_in1k',
    {
      params: 94_448_104,
      gmacs: { 224: 17.78, 288: 29.39 },
      accuracy: { 224: [84.448, 96.872], 288: [84.966, 97.222] },
    },
    closer,
  ),
  model('mambaout_base_plus_rw', 'sw_e150_in12k_ft_in1k', {
    params: 101_656_552,
    gmacs: { 224: 19.19, 288: 31.72 },
    accuracy: { 224: [86.642, 98.15], 288: [86.916, 98.238] },
  }),
  model(
    'mambaout_base_plus_rw',
    'sw_e150_r384_in12k_ft_in1k',
    { params: 101_656_552, gmacs: { 384: 56.39 }, accuracy: { 384: [87.508, 98.428] } },
    { inputSize: [3, 384, 384], testInputSize: [3, 384, 384], cropMode: 'squash' },
  ),
  model(
    'mambaout_base_plus_rw',
    'sw_e150_in12k',
    // The classifier has 11821 rows of 3072 weights and a bias instead of 1000.
    { params: 134_909_485, gmacs: { 224: 19.19, 288: 31.72 }, accuracy: {} },
    { numClasses: 11821 },
  ),
  model(
    'test_mambaout',
    '',
    { params: 447_560, gmacs: { 160: 0.03, 192: 0.04 }, accuracy: {} },
    { inputSize: [3, 160, 160], testInputSize: [3, 192, 192], weights: undefined },
  ),
]

export const mambaout: Family = {
  name: 'mambaout',
  models,
  create: (architecture, { dropRate, imgSize: _, ...overrides }, options) =>
    new MambaOut(
      { ...variants[architecture as MambaOutVariant], ...overrides, ...(dropRate !== undefined && { headDropout: dropRate }) },
      options,
    ),
  firstConv: 'stem.conv1.weight',
  classifier: 'head.fc',
  rename: toTimm,
}
