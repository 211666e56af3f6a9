import type { AdamOptions, LambOptions, SgdOptions } from '@scanline/optim'
import type { MixOptions } from '../mix-plan.js'

/** How a model was trained: every value that its authors published, as plain data. */
export interface Recipe {
  readonly name: string
  /** Architecture in the zoo. */
  readonly model: string
  /** Height and width of training images. */
  readonly size: number
  readonly seed: number

  readonly optimizer:
    | ({ readonly name: 'adamw' } & AdamOptions)
    | ({ readonly name: 'lamb' } & LambOptions)
    | ({ readonly name: 'sgd' } & SgdOptions)
  readonly weightDecay: number
  /** See `parameterGroups`. */
  readonly decayRule: 'timm' | 'efficientvim'
  readonly neverDecayed: readonly string[]
  /** Largest norm of all gradients together. */
  readonly clipNorm?: number

  readonly batch: Batch
  readonly schedule: RecipeSchedule

  readonly dropPath: number
  /** Start of the layer scale, where the model has one. */
  readonly layerScale?: number
  readonly labelSmoothing: number
  readonly mix: MixOptions
  /** Whether batches are mixed as bytes, before they are normalised and erased, or after it. */
  readonly mixOn: 'bytes' | 'floats'
  readonly augment: Augment
  /** Decay of the averaged weights. */
  readonly average?: number
  /** Distillation from the averaged model. */
  readonly mesa?: Mesa
  readonly teacher?: Teacher
  /** The published run's; Scanline computes in float32 where a device has no other. */
  readonly precision: 'float32' | 'float16'
  readonly evaluation: { readonly cropPct: number; readonly interpolation: 'bicubic' }
}

/** Of the published run. One update sees all of it. */
export interface Batch {
  readonly perDevice: number
  readonly devices: number
  readonly accumulation: number
}

export interface RecipeSchedule {
  readonly rate: number
  /** The rate is for a batch of 512 in total, and grows with it; the other two rates do not. */
  readonly scaled: boolean
  readonly min: number
  /** Of the cosine. */
  readonly epochs: number
  /** Afterwards, at the minimum. */
  readonly cooldownEpochs: number
  readonly warmupEpochs: number
  readonly warmupRate: number
  readonly unit: 'epoch' | 'update'
  /** Units that the rate is ahead of its update, or behind. */
  readonly shift: -1 | 0 | 1
  /** Whether the cosine begins after the warm-up, within the same epochs. */
  readonly warmupPrefix: boolean
}

export interface Augment {
  readonly cropScale: readonly [number, number]
  readonly cropRatio: readonly [number, number]
  readonly flip: number
  readonly autoAugment: string
  readonly interpolation: 'bicubic' | 'random'
  /** Has no effect beside RandAugment. */
  readonly colourJitter: number
  readonly erasing: { readonly probability: number; readonly mode: 'pixel'; readonly maxCount: number }
  /** How often an epoch shows an image, each time augmented anew. */
  readonly repeats: number
}

export interface Mesa {
  readonly kind: 'mambavision' | 'efficientvim'
  readonly weight: number
  /** Share of the cosine's epochs before it starts. */
  readonly start: number
}

export interface Teacher {
  /** timm's name. */
  readonly model: string
  readonly kind: 'hard' | 'soft'
  readonly alpha: number
  readonly tau: number
}

/** What all four families share. */
export const shared = {
  labelSmoothing: 0.1,
  mix: { mixupAlpha: 0.8, cutmixAlpha: 1, prob: 1, switchProb: 0.5, mode: 'batch' },
  augment: {
    cropScale: [0.08, 1],
    cropRatio: [3 / 4, 4 / 3],
    flip: 0.5,
    autoAugment: 'rand-m9-mstd0.5-inc1',
    interpolation: 'bicubic',
    colourJitter: 0.4,
    erasing: { probability: 0.25, mode: 'pixel', maxCount: 1 },
    repeats: 1,
  },
  decayRule: 'timm',
  neverDecayed: [],
  size: 224,
} as const satisfies Partial<Recipe>
