import { type Recipe, shared } from './recipe.js'

const dropPaths = { femto: 0.025, kobe: 0.025, tiny: 0.2, small: 0.4, base: 0.6 }

/** MambaOut (arXiv 2405.07992): a rate for a whole epoch, warm-up inside the cosine, ten more epochs at the minimum. */
export const mambaout: readonly Recipe[] = Object.entries(dropPaths).map(([variant, dropPath]) => ({
  ...shared,
  name: `mambaout_${variant}`,
  model: `mambaout_${variant}`,
  seed: 42,
  optimizer: { name: 'adamw', betas: [0.9, 0.999], eps: 1e-8 },
  weightDecay: 0.05,
  // The model's own set, which matches no parameter.
  neverDecayed: ['norm'],
  batch: { perDevice: 128, devices: 8, accumulation: 4 },
  schedule: {
    rate: 4e-3,
    scaled: false,
    min: 1e-5,
    epochs: 300,
    cooldownEpochs: 10,
    warmupEpochs: 20,
    warmupRate: 1e-6,
    unit: 'epoch',
    shift: 0,
    warmupPrefix: false,
  },
  dropPath,
  mixOn: 'bytes',
  augment: { ...shared.augment, interpolation: 'random' },
  precision: 'float32',
  evaluation: { cropPct: 1, interpolation: 'bicubic' },
}))
