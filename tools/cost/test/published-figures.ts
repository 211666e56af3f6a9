/** How a figure was brought to its digits. `twice`: to one digit more first, and that then to the digits printed. */
export type Digits = 'rounding' | 'cutting' | 'twice'

/** Figures of the published models, each with the section of the specification that it is from. */
export interface Published {
  readonly model: string
  readonly size: number
  /** To the unit. */
  readonly params: number
  /** Multiply-adds as printed, in thousand millions, and how they were brought to these digits. */
  readonly gmacs?: { readonly printed: string; readonly by: Digits }
  readonly source: string
}

/** Exact counts of one image, by kind. */
export interface Counted {
  readonly model: string
  readonly size: number
  readonly conv2d: number
  readonly linear: number
  readonly conv1d?: number
  readonly attention?: number
  /** State updates of all scans. */
  readonly scanStates?: number
  /** Elements that layer norms read. */
  readonly layerNormElements?: number
  /** Results of convolutions and linear layers, in millions as printed, by size. */
  readonly activations?: Readonly<Record<number, string>>
  readonly source: string
}

const mambaout = (model: string, size: number, params: number, printed: string, section: string): Published => ({
  model,
  size,
  params,
  gmacs: { printed, by: 'rounding' },
  source: `MambaOut, section ${section}`,
})

const mambavision = (name: string, size: number, params: number, printed: string): Published => ({
  model: `mamba_vision_${name}`,
  size,
  params,
  gmacs: { printed, by: 'cutting' },
  source: 'MambaVision, sections 1 and 6',
})

const vim = (model: string, size: number, params: number): Published => ({
  model,
  size,
  params,
  source: 'Vim, section 1',
})

/**
 * Printed in millions. The authors cut that of M4 at 256, which is 1111.917, and rounded that of M1, 238.927. Those of other
 * sizes are the specification's own; 894.454, 1774.451 and 2379.473 stand there as 895, 1775 and 2380.
 */
const efficientvim = (model: string, size: number, params: number, printed?: string, by: Digits = 'rounding'): Published => ({
  model,
  size,
  params,
  ...(printed !== undefined && { gmacs: { printed, by } }),
  source: 'EfficientViM, section 1',
})

export const published: readonly Published[] = [
  mambaout('mambaout_femto', 224, 7_304_536, '1.2', '1.1'),
  mambaout('mambaout_kobe', 224, 9_141_208, '1.5', '1.1'),
  mambaout('mambaout_tiny', 224, 26_545_096, '4.5', '1.1'),
  mambaout('mambaout_small', 224, 48_488_072, '9.0', '1.1'),
  mambaout('mambaout_base', 224, 84_813_092, '15.8', '1.1'),
  mambaout('mambaout_femto', 224, 7_304_536, '1.16', '6'),
  mambaout('mambaout_femto', 288, 7_304_536, '1.91', '6'),
  mambaout('mambaout_kobe', 224, 9_141_208, '1.52', '6'),
  mambaout('mambaout_kobe', 288, 9_141_208, '2.50', '6'),
  mambaout('mambaout_tiny', 224, 26_545_096, '4.49', '6'),
  mambaout('mambaout_tiny', 288, 26_545_096, '7.41', '6'),
  mambaout('mambaout_small', 224, 48_488_072, '8.96', '6'),
  mambaout('mambaout_small', 288, 48_488_072, '14.81', '6'),
  mambaout('mambaout_base', 224, 84_813_092, '15.83', '6'),
  mambaout('mambaout_base', 288, 84_813_092, '26.16', '6'),
  mambaout('mambaout_small_rw', 224, 48_495_560, '8.96', '6'),
  mambaout('mambaout_small_rw', 288, 48_495_560, '14.81', '6'),
  mambaout('mambaout_base_short_rw', 224, 88_827_688, '16.31', '6'),
  mambaout('mambaout_base_short_rw', 288, 88_827_688, '26.96', '6'),
  mambaout('mambaout_base_tall_rw', 224, 86_481_448, '16.15', '6'),
  mambaout('mambaout_base_tall_rw', 288, 86_481_448, '26.69', '6'),
  mambaout('mambaout_base_wide_rw', 224, 94_448_104, '17.78', '6'),
  mambaout('mambaout_base_wide_rw', 288, 94_448_104, '29.39', '6'),
  mambaout('mambaout_base_plus_rw', 224, 101_656_552, '19.19', '6'),
  mambaout('mambaout_base_plus_rw', 288, 101_656_552, '31.72', '6'),
  mambaout('mambaout_base_plus_rw', 384, 101_656_552, '56.39', '6'),
  mambaout('test_mambaout', 160, 447_560, '0.03', '6'),
  mambaout('test_mambaout', 192, 447_560, '0.04', '6'),
  mambavision('T', 224, 31_794_248, '4.4'),
  mambavision('T2', 224, 35_104_008, '5.1'),
  mambavision('S', 224, 50_140_584, '7.5'),
  mambavision('B', 224, 97_685_288, '15.0'),
  mambavision('B_21k', 224, 97_685_288, '15.0'),
  mambavision('L', 224, 227_961_048, '34.9'),
  mambavision('L_21k', 224, 227_961_048, '34.9'),
  mambavision('L2', 224, 241_554_824, '37.5'),
  mambavision('L2_512_21k', 512, 241_554_824, '196.3'),
  mambavision('L3_256_21k', 256, 739_570_472, '122.3'),
  mambavision('L3_512_21k', 512, 739_570_472, '489.1'),
  vim('vim_tiny', 224, 7_148_008),
  vim('vim_tiny', 384, 7_220_968),
  vim('vim_tiny', 64, 7_113_448),
  vim('vim_tiny_stride8', 224, 7_250_344),
  vim('vim_small', 224, 25_796_584),
  vim('vim_small_stride8', 224, 26_001_256),
  vim('vim_base', 224, 97_598_440),
  efficientvim('efficientvim_m1', 224, 6_679_458, '0.239'),
  efficientvim('efficientvim_m1', 384, 6_679_458, '0.644'),
  efficientvim('efficientvim_m1', 512, 6_679_458, '1.131'),
  efficientvim('efficientvim_m2', 224, 13_903_842, '0.355'),
  efficientvim('efficientvim_m2', 256, 13_903_842, '0.428'),
  efficientvim('efficientvim_m2', 384, 13_903_842, '0.921'),
  efficientvim('efficientvim_m2', 512, 13_903_842, '1.612'),
  efficientvim('efficientvim_m3', 224, 16_604_174, '0.656'),
  efficientvim('efficientvim_m3', 384, 16_604_174, '1.775', 'twice'),
  efficientvim('efficientvim_m3', 512, 16_604_174, '3.117'),
  efficientvim('efficientvim_m4', 224, 19_606_505, '0.895', 'twice'),
  efficientvim('efficientvim_m4', 256, 19_606_505, '1.111', 'cutting'),
  efficientvim('efficientvim_m4', 384, 19_606_505, '2.380', 'twice'),
  efficientvim('efficientvim_m4', 512, 19_606_505, '4.154'),
  efficientvim('efficientvim_m1_dist', 224, 7_643_462),
  efficientvim('efficientvim_m2_dist', 224, 15_315_846),
  efficientvim('efficientvim_m3_dist', 224, 18_176_178),
  efficientvim('efficientvim_m4_dist', 256, 21_178_509),
]

const official = (
  name: string,
  [conv2d, linear, layerNormElements]: readonly [number, number, number],
  activations: Readonly<Record<number, string>>,
): Counted => ({
  model: name,
  size: name === 'test_mambaout' ? 160 : 224,
  conv2d,
  linear,
  layerNormElements,
  activations,
  source: 'MambaOut, section 6',
})

const token = (
  name: string,
  size: number,
  [conv2d, linear, conv1d, attention, scanStates]: readonly [number, number, number, number, number],
): Counted => ({
  model: `mamba_vision_${name}`,
  size,
  conv2d,
  linear,
  conv1d,
  attention,
  scanStates,
  source: 'MambaVision, section 6',
})

export const counted: readonly Counted[] = [
  official('mambaout_femto', [181_917_792, 966_067_200, 1_638_432], { 224: '8.34', 288: '13.79' }),
  official('mambaout_kobe', [192_981_600, 1_312_883_712, 1_864_224], { 224: '10.0', 288: '16.53' }),
  official('mambaout_tiny', [607_690_944, 3_861_964_800, 3_276_864], { 224: '16.68', 288: '27.58' }),
  official('mambaout_small', [681_449_664, 8_254_973_952, 4_782_144], { 224: '27.72', 288: '45.82' }),
  official('mambaout_small_rw', [681_449_664, 8_254_973_952, 4_450_560], { 224: '27.72', 288: '45.82' }),
  official('mambaout_base_short_rw', [1_159_934_272, 15_120_850_944, 5_532_672], { 224: '38.08', 288: '62.94' }),
  official('mambaout_base_tall_rw', [1_202_960_192, 14_913_724_416, 6_235_136], { 224: '38.74', 288: '64.04' }),
  official('mambaout_base_wide_rw', [1_243_681_152, 16_508_116_992, 5_934_080], { 224: '42.6', 288: '70.41' }),
  official('mambaout_base_plus_rw', [1_265_808_768, 17_895_383_040, 6_235_136], { 224: '45.16', 288: '74.64', 384: '132.7' }),
  official('test_mambaout', [9_808_000, 14_787_584, 123_264], { 160: '0.53', 192: '0.77' }),
  token('T', 224, [1_799_110_656, 2_659_968_000, 940_800, 104_491_520, 1_254_400]),
  token('T2', 224, [1_799_110_656, 3_305_733_120, 1_317_120, 129_077_760, 1_756_160]),
  token('S', 224, [3_706_601_472, 3_773_902_848, 1_241_856, 95_886_336, 1_655_808]),
  token('B', 224, [6_495_584_256, 8_458_289_152, 1_956_864, 206_524_416, 2_609_152]),
  token('L', 224, [15_013_135_872, 19_827_297_280, 2_996_448, 316_240_512, 3_995_264]),
  token('L2', 224, [15_013_135_872, 22_486_452_800, 3_457_440, 376_476_800, 4_609_920]),
  token('L2_512_21k', 512, [78_435_975_168, 117_473_619_200, 18_063_360, 10_276_044_800, 24_084_480]),
  token('L3_256_21k', 256, [33_247_199_232, 88_863_621_120, 9_830_400, 1_426_063_360, 13_107_200]),
  token('L3_512_21k', 512, [132_988_796_928, 355_448_340_480, 39_321_600, 22_817_013_760, 52_428_800]),
]

/** Vim, section 9: products and convolutions, and three for each state of both scans, in thousand millions. */
export const vimWork: readonly (readonly [model: string, size: number, products: string, scans: string])[] = [
  ['vim_tiny', 224, '1.29', '0.17'],
  ['vim_tiny_stride8', 224, '4.79', '0.65'],
  ['vim_tiny', 384, '3.79', '0.51'],
  ['vim_tiny', 512, '6.73', '0.91'],
  ['vim_tiny', 1248, '39.9', '5.4'],
  ['vim_small', 224, '4.85', '0.35'],
  ['vim_small_stride8', 224, '18.0', '1.29'],
  ['vim_base', 224, '18.8', '0.70'],
]

/** Detection, section 1.1, and segmentation, section 1.1: convolutions, linear layers and attention of the backbones alone. */
export const denseWork: readonly (readonly [
  model: string,
  form: 'detection' | 'segmentation',
  height: number,
  width: number,
  gmacs: string,
])[] = [
  ['mamba_vision_T', 'detection', 800, 1280, '635'],
  ['mamba_vision_S', 'detection', 800, 1280, '710'],
  ['mamba_vision_B', 'detection', 800, 1280, '1520'],
  ['mamba_vision_T', 'segmentation', 512, 2048, '240'],
  ['mamba_vision_S', 'segmentation', 512, 2048, '2137'],
  ['mamba_vision_B', 'segmentation', 512, 2048, '670'],
  ['mamba_vision_T', 'segmentation', 512, 512, '111'],
]
