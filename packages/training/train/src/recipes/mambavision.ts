import { type Recipe, shared } from './recipe.js'

interface Own {
  readonly weightDecay: number
  readonly dropPath: number
  readonly mesa: number
  readonly mesaStart?: number
  readonly warmupEpochs?: number
  readonly layerScale?: number
  readonly cropPct?: number
}

const variants: Readonly<Record<string, Own>> = {
  T: { weightDecay: 0.05, dropPath: 0.2, mesa: 0.5 },
  T2: { weightDecay: 0.05, dropPath: 0.2, mesa: 0.75 },
  S: { weightDecay: 0.05, dropPath: 0.2, mesa: 1, cropPct: 0.875 },
  B: { weightDecay: 0.075, dropPath: 0.3, mesa: 1, mesaStart: 0.3, warmupEpochs: 35, layerScale: 1e-5 },
  L: { weightDecay: 0.12, dropPath: 0.3, mesa: 6, layerScale: 1e-5 },
  L2: { weightDecay: 0.12, dropPath: 0.3, mesa: 6, layerScale: 1e-5 },
}

/** MambaVision (arXiv 2407.08083) by its configuration files: LAMB, a rate for every update, distillation from the average. */
export const mambavision: readonly Recipe[] = Object.entries(variants).map(
  ([variant, { weightDecay, dropPath, mesa, mesaStart = 0.25, warmupEpochs = 20, layerScale, cropPct = 1 }]) => ({
    ...shared,
    name: `mamba_vision_${variant}`,
    model: `mamba_vision_${variant}`,
    seed: 31,
    optimizer: { name: 'lamb', betas: [0.9, 0.999], eps: 1e-8, maxGradNorm: 1 },
    weightDecay,
    clipNorm: 5,
    batch: { perDevice: 128, devices: 32, accumulation: 1 },
    schedule: {
      rate: 5e-3,
      scaled: false,
      min: 5e-6,
      epochs: 310,
      cooldownEpochs: 10,
      warmupEpochs,
      warmupRate: 1e-6,
      unit: 'update',
      shift: 1,
      warmupPrefix: false,
    },
    dropPath,
    ...(layerScale !== undefined && { layerScale }),
    mixOn: 'bytes',
    augment: { ...shared.augment, interpolation: 'random' },
    average: 0.9998,
    mesa: { kind: 'mambavision', weight: mesa, start: mesaStart },
    precision: 'float16',
    evaluation: { cropPct, interpolation: 'bicubic' },
  }),
)
