import { type Recipe, shared } from './recipe.js'

/** EfficientViM (arXiv 2411.15241): warm-up in front of the cosine, very small gradients, distillation from the average. */
function recipe(variant: string, epochs: 300 | 450): Recipe {
  return {
    ...shared,
    name: `efficientvim_${variant}${epochs === 300 ? '' : `_e${epochs}`}`,
    model: `efficientvim_${variant}`,
    size: variant === 'm4' ? 256 : 224,
    seed: 0,
    optimizer: { name: 'adamw', betas: [0.9, 0.999], eps: 1e-8 },
    weightDecay: 0.05,
    decayRule: 'efficientvim',
    clipNorm: 0.02,
    batch: { perDevice: 256, devices: 8, accumulation: 1 },
    schedule: {
      rate: 2e-3,
      scaled: false,
      min: 2e-5,
      epochs,
      cooldownEpochs: 10,
      warmupEpochs: 20,
      warmupRate: 2e-6,
      unit: 'update',
      shift: -1,
      warmupPrefix: true,
    },
    dropPath: 0,
    mixOn: 'floats',
    average: 0.9995,
    mesa: { kind: 'efficientvim', weight: 1, start: 0.25 },
    precision: 'float16',
    // 256 cropped to 224, and 292 to 256.
    evaluation: { cropPct: 0.875, interpolation: 'bicubic' },
  }
}

/** With a teacher there is no distillation from the average. */
function distilled(variant: string): Recipe {
  const { mesa: _, ...plain } = recipe(variant, 300)
  const name = `efficientvim_${variant}_dist`
  return { ...plain, name, model: name, teacher: { model: 'regnety_160', kind: 'hard', alpha: 0.5, tau: 1 } }
}

export const efficientvim: readonly Recipe[] = ['m1', 'm2', 'm3', 'm4'].flatMap((variant) => [
  recipe(variant, 300),
  recipe(variant, 450),
  distilled(variant),
])
