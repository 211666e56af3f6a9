import { type Recipe, shared } from './recipe.js'

/** Vision Mamba (arXiv 2401.09417) by its scripts: rates one epoch late, three views of an image in an epoch, averages. */
const base = {
  ...shared,
  seed: 0,
  optimizer: { name: 'adamw', betas: [0.9, 0.999], eps: 1e-8 },
  neverDecayed: ['pos_embed', 'cls_token', 'dist_token', 'cls_token_head', 'cls_token_tail'],
  mixOn: 'floats',
  augment: { ...shared.augment, colourJitter: 0.3, repeats: 3 },
  average: 0.99996,
  precision: 'float32',
  evaluation: { cropPct: 0.875, interpolation: 'bicubic' },
} as const

const schedule = {
  scaled: true,
  min: 1e-5,
  epochs: 300,
  // The trainer computes a cool-down and leaves it out.
  cooldownEpochs: 0,
  warmupEpochs: 5,
  warmupRate: 1e-6,
  unit: 'epoch',
  shift: -1,
  warmupPrefix: false,
} as const

/** From stride 16 to 8: the position table is resized, and the rate stays at 1e-5. */
const finer = (size: 'tiny' | 'small'): Recipe => ({
  ...base,
  name: `vim_${size}_stride8`,
  model: `vim_${size}_stride8`,
  weightDecay: 1e-8,
  batch: { perDevice: 128, devices: 8, accumulation: 1 },
  schedule: { ...schedule, rate: 5e-6, epochs: 30, warmupRate: 1e-5 },
  dropPath: 0,
})

export const vim: readonly Recipe[] = [
  {
    ...base,
    name: 'vim_tiny',
    model: 'vim_tiny',
    weightDecay: 0.1,
    batch: { perDevice: 128, devices: 8, accumulation: 1 },
    schedule: { ...schedule, rate: 5e-4 },
    dropPath: 0,
  },
  {
    ...base,
    name: 'vim_small',
    model: 'vim_small',
    weightDecay: 0.05,
    batch: { perDevice: 64, devices: 8, accumulation: 1 },
    schedule: { ...schedule, rate: 1e-3 },
    dropPath: 0.05,
  },
  finer('tiny'),
  finer('small'),
]
