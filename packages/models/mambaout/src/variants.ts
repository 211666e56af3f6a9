import type { MambaOutConfig } from './config.js'

/** What timm's own variants share. */
const rw = {
  stemMidNorm: false,
  downsample: 'conv_nf',
  head: 'norm_mlp',
  // timm passes 1e-6, but the value never reaches its layer, which starts at its own default.
  lsInit: 1e-5,
} as const

const narrow = [48, 96, 192, 288]
const medium = [96, 192, 384, 576]
const wide = [128, 256, 512, 768]

/** The published variants: five of the paper (arXiv 2405.07992), six of timm. */
export const variants = {
  mambaout_femto: { depths: [3, 3, 9, 3], dims: narrow },
  mambaout_kobe: { depths: [3, 3, 15, 3], dims: narrow },
  mambaout_tiny: { depths: [3, 3, 9, 3], dims: medium },
  mambaout_small: { depths: [3, 4, 27, 3], dims: medium },
  mambaout_base: { depths: [3, 4, 27, 3], dims: wide },
  mambaout_small_rw: { depths: [3, 4, 27, 3], dims: medium, ...rw },
  mambaout_base_short_rw: { depths: [3, 3, 25, 3], dims: wide, expansionRatio: 3, convRatio: 1.25, ...rw },
  mambaout_base_tall_rw: { depths: [3, 4, 30, 3], dims: wide, expansionRatio: 2.5, convRatio: 1.25, ...rw },
  mambaout_base_wide_rw: { depths: [3, 4, 27, 3], dims: wide, expansionRatio: 3, convRatio: 1.5, act: 'silu', ...rw },
  mambaout_base_plus_rw: { depths: [3, 4, 30, 3], dims: wide, expansionRatio: 3, convRatio: 1.5, act: 'silu', ...rw },
  test_mambaout: { depths: [1, 1, 3, 1], dims: [16, 32, 48, 64], expansionRatio: 3, act: 'silu', ...rw },
} as const satisfies Record<string, MambaOutConfig>

export type MambaOutVariant = keyof typeof variants
