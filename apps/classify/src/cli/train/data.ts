import {
  checkClassCount,
  checkSameClasses,
  createLoader,
  type DamagedImage,
  type ImageFolder,
  type Loader,
  openImageFolder,
  type TransformConfig,
} from '@scanline/datasets'
import type { Recipe } from '@scanline/train'
import { evalConfig, modelInfo } from '@scanline/zoo'
import { Failure } from '../failure.js'
import type { TrainSettings } from './settings.js'

export interface Folders {
  readonly train: ImageFolder
  readonly validation: ImageFolder
}

/** Opens both splits and checks that labels are those of the model, before anything is computed. */
export async function openFolders(settings: TrainSettings): Promise<Folders> {
  const { data, trainSplit, valSplit, classMap, numClasses, model } = settings
  // Each author's reader decides the order of the classes.
  const reader = ['vim', 'efficientvim'].includes(modelInfo(model).family) ? 'torchvision' : 'timm'
  const open = (split: string): Promise<ImageFolder> =>
    openImageFolder(data, { split, reader, emptyClasses: 'error', ...(classMap !== undefined && { classMap }) })
  const [train, validation] = [await open(trainSplit), await open(valSplit)]
  if (train.root === data || validation.root === data)
    throw new Failure(
      `${data} has no folder "${train.root === data ? trainSplit : valSplit}"; put images to train on and to validate on into two folders, ${data}/train and ${data}/val, each with a folder for every class`,
    )
  checkSameClasses(train, validation)
  if (train.classes.length < 2)
    throw new Failure(
      `${train.root} has one class, "${train.classes[0]}"; a classifier needs two or more, each in a folder of its own`,
    )
  if (numClasses !== undefined) checkClassCount(train, numClasses)
  return { train, validation }
}

/** Whether batches are mixed, in some epoch. */
export const mixes = ({ mix }: Recipe): boolean =>
  (mix.prob ?? 1) > 0 && (mix.mixupAlpha > 0 || mix.cutmixAlpha > 0 || mix.cutmixMinMax !== undefined)

/** The training transform of a recipe. */
export function trainConfig({ augment, size }: Recipe, model: string) {
  const { cropScale, cropRatio, flip, autoAugment, interpolation, colourJitter, erasing } = augment
  const { mean, std } = modelInfo(model)
  return {
    inputSize: [3, size, size],
    crop: { scale: cropScale, ratio: cropRatio },
    interpolation,
    flip,
    ...(autoAugment !== 'none' && { autoAugment }),
    ...(colourJitter > 0 && { colourJitter: { brightness: colourJitter, contrast: colourJitter, saturation: colourJitter } }),
    ...(erasing.probability > 0 && { erasing }),
    mean,
    std,
  } as const
}

/** The evaluation transform of a recipe. */
export const validationConfig = ({ evaluation, size }: Recipe, model: string) => ({
  ...evalConfig(modelInfo(model), size),
  ...evaluation,
})

export interface Loaders {
  readonly train: Loader
  readonly validation: Loader
  close(): Promise<void>
}

/** Threads that prepare the images of both splits. */
export function openLoaders(
  { train, validation }: Folders,
  settings: TrainSettings,
  onDamaged: (image: DamagedImage) => void,
): Loaders {
  const { recipe, model, workers, damaged, validationBatchSize } = settings
  const options = (transform: TransformConfig, batchSize: number) => ({
    transform,
    batchSize,
    seed: recipe.seed,
    ...(workers !== undefined && { workers }),
    damaged: damaged === 'stop' ? damaged : onDamaged,
  })
  const { repeats } = recipe.augment
  const training = createLoader(train, {
    ...options({ train: trainConfig(recipe, model) }, recipe.batch.perDevice),
    dtype: mixes(recipe) && recipe.mixOn === 'bytes' ? 'u8' : 'f32',
    ...(repeats > 1 && { sampler: { repeats } }),
  })
  const judging = createLoader(validation, options({ eval: validationConfig(recipe, model) }, validationBatchSize))
  const close = async (): Promise<void> => void (await Promise.all([training.close(), judging.close()]))
  return { train: training, validation: judging, close }
}
