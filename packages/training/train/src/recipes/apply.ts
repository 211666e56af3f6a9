import {
  adamw,
  cosine,
  lamb,
  type Optimizer,
  type ParameterGroup,
  parameterGroups,
  perEpoch,
  perUpdate,
  scaledRate,
  sgd,
  type Timeline,
} from '@scanline/optim'
import type { Shape } from '@scanline/tensor'
import type { Clip } from '../step-function.js'
import type { Batch, Recipe } from './recipe.js'

/** The update rule of a recipe. */
export function recipeOptimizer({ optimizer }: Pick<Recipe, 'optimizer'>): Optimizer {
  if (optimizer.name === 'adamw') return adamw(optimizer)
  return optimizer.name === 'lamb' ? lamb(optimizer) : sgd(optimizer)
}

/** Which parameters it decays. */
export const recipeGroups = (
  { weightDecay, neverDecayed, decayRule }: Pick<Recipe, 'weightDecay' | 'neverDecayed' | 'decayRule'>,
  parameters: Iterable<readonly [string, { readonly shape: Shape }]>,
): ParameterGroup[] => parameterGroups(parameters, { weightDecay, exclude: neverDecayed, rule: decayRule })

/** How it limits gradients. */
export const recipeClip = ({ clipNorm }: Pick<Recipe, 'clipNorm'>): Clip | undefined =>
  clipNorm === undefined ? undefined : { mode: 'norm', limit: clipNorm }

/** Epochs of a run, the cool-down included. */
export const totalEpochs = ({ schedule: { epochs, cooldownEpochs } }: Pick<Recipe, 'schedule'>): number => epochs + cooldownEpochs

/**
 * The learning rate of every update. `batch` is that of this run, where the rate grows with it; `resumedAt` is the first
 * epoch after a resume, in which Vim's trainer is not late.
 */
export function recipeTimeline(
  { schedule, batch: published }: Pick<Recipe, 'schedule' | 'batch'>,
  { updatesPerEpoch, batch = published, resumedAt }: { updatesPerEpoch: number; batch?: Batch; resumedAt?: number },
): Timeline {
  const { rate, scaled, min, epochs, warmupEpochs, warmupRate, unit, shift, warmupPrefix } = schedule
  const n = unit === 'epoch' ? 1 : updatesPerEpoch
  const curve = cosine({
    rate: scaled ? scaledRate(rate, batch.perDevice * batch.accumulation, batch.devices) : rate,
    min,
    length: (warmupPrefix ? epochs - warmupEpochs : epochs) * n,
    warmup: { length: warmupEpochs * n, start: warmupRate, prefix: warmupPrefix },
  })
  if (unit === 'update') return perUpdate(curve, { shift })
  return perEpoch(curve, { lag: shift === -1 ? 1 : 0, ...(resumedAt !== undefined && { resumedAt }) })
}
