import { ArgumentError, add, crossEntropy, Tensor } from '@scanline/tensor'
import {
  combinedLoss,
  hardDistillation,
  labelSmoothingLoss,
  mesaEfficientViM,
  mesaMambaVision,
  softDistillation,
} from '../losses.js'
import type { LossInput } from '../step-function.js'
import type { Recipe } from './recipe.js'

/** Logits, or those of a distilled model's two classifiers (`forwardDistilled` of EfficientViM). */
export type ClassifierOutputs = Tensor | { readonly logits: Tensor; readonly distilled: Tensor }

/** The first epoch in which the averaged model teaches; undefined for a recipe without it. */
export function mesaStart({ mesa, schedule: { epochs } }: Pick<Recipe, 'mesa' | 'schedule'>): number | undefined {
  if (!mesa) return undefined
  // MambaVision's comparison is strict.
  return Math.floor(mesa.start * epochs) + (mesa.kind === 'mambavision' ? 1 : 0)
}

/**
 * The loss of a recipe in an epoch: cross entropy with soft targets [B, C] (or smoothed labels [B]), with what the averaged
 * model adds from `mesaStart` on, or mixed with a teacher's. `teacher` gives a teacher's logits for the student's images.
 * Throws `ArgumentError` for a recipe with a teacher and none given.
 *
 * @example
 * await step.setLoss(recipeLoss(recipe('mamba_vision_T'), epoch))
 */
export function recipeLoss(
  recipe: Pick<Recipe, 'name' | 'mesa' | 'schedule' | 'teacher' | 'labelSmoothing'>,
  epoch: number,
  teacher?: (images: Tensor) => Tensor,
): (given: LossInput<ClassifierOutputs>) => Tensor {
  const { mesa, teacher: published, labelSmoothing } = recipe
  if (published && !teacher)
    throw new ArgumentError(
      `the recipe ${recipe.name} has the teacher ${published.model}; hand over a function that gives its logits`,
    )
  const start = mesaStart(recipe)
  const averageTeaches = mesa && start !== undefined && epoch >= start ? mesa : undefined
  return ({ outputs, targets, images, averaged }) => {
    const { logits, distilled } = heads(outputs)
    const base = targets.rank === 1 ? labelSmoothingLoss(logits, targets, labelSmoothing) : crossEntropy(logits, targets)
    if (published && teacher) {
      const distillation =
        published.kind === 'hard'
          ? hardDistillation(distilled, teacher(images))
          : softDistillation(distilled, teacher(images), published.tau)
      return combinedLoss(base, distillation, published.alpha)
    }
    if (!averageTeaches) return base
    const term = averageTeaches.kind === 'mambavision' ? mesaMambaVision : mesaEfficientViM
    return add(base, term(logits, heads(averaged()).logits, averageTeaches.weight))
  }
}

const heads = (outputs: ClassifierOutputs): { readonly logits: Tensor; readonly distilled: Tensor } =>
  outputs instanceof Tensor ? { logits: outputs, distilled: outputs } : outputs
