import type { EpochSummary } from '@scanline/metrics'
import { type Backend, Generator, type Tensor } from '@scanline/tensor'
import {
  fit,
  mesaStart,
  type Progress,
  recipeClip,
  recipeGroups,
  recipeLoss,
  recipeOptimizer,
  recipeTimeline,
  recomputeUnits,
  TrainStep,
  totalEpochs,
  type UpdateReport,
} from '@scanline/train'
import { RunFolder } from '@scanline/train/node'
import type { Backbone } from '@scanline/zoo'
import { type Accuracy, Evaluator } from '../evaluator.js'
import { exitCodes, Failure } from '../failure.js'
import { trainBatches } from './batches.js'
import { type Loaders, mixes } from './data.js'
import type { TrainSettings } from './settings.js'

export interface SessionEvents {
  /** Everything is compiled; `before` is where a resumed run goes on. */
  begin(start: { readonly updatesPerEpoch: number; readonly epochs: number; readonly before: Progress | undefined }): void
  update(report: UpdateReport): void
  /** Milliseconds that a batch was waited for. */
  input(ms: number): void
  evaluate(images: number): void
  epoch(summary: EpochSummary): void
}

export interface SessionResult {
  readonly finished: boolean
  readonly progress: Progress
}

/** Trains a model as the settings say, from its beginning or from what the folder holds. */
export async function trainModel(
  settings: TrainSettings,
  { model, device, loaders, folder }: { model: Backbone; device: Backend; loaders: Loaders; folder: string },
  events: SessionEvents,
  signal: AbortSignal,
): Promise<SessionResult> {
  const { recipe, validationBatchSize, evalMetric, checkpointHist, recoveryInterval } = settings
  const { size, batch } = recipe
  const updatesPerEpoch = Math.floor(loaders.train.batchesPerEpoch / batch.accumulation)
  if (updatesPerEpoch === 0)
    throw new Failure(
      `an update takes ${batch.accumulation} batches of ${batch.perDevice}, and an epoch has ${loaders.train.batchesPerEpoch}; lower --grad-accum-steps or --batch-size, and the rate with them, or use --recipe small`,
      exitCodes.usage,
    )
  const before = await RunFolder.progress(folder)
  const distils = (epoch: number): boolean => epoch >= (mesaStart(recipe) ?? Number.POSITIVE_INFINITY)
  const first = before?.epoch ?? 0
  let distilling = distils(first)
  const clip = recipeClip(recipe)
  using step = await TrainStep.create(model, {
    forward: (x, random) => model.forward(x, random),
    loss: recipeLoss(recipe, first),
    images: { shape: [batch.perDevice, size, size, 3], dtype: 'f32' },
    targets: { shape: [batch.perDevice, model.numClasses], dtype: 'f32' },
    optimizer: recipeOptimizer(recipe),
    groups: recipeGroups(recipe, model.namedParameters()),
    ...(clip && { clip }),
    ...(recipe.average !== undefined && { average: { decay: recipe.average } }),
    accumulation: batch.accumulation,
    ...(settings.recompute && { recompute: recomputeUnits(model, settings.recompute) }),
    random: before ? new Generator(before.random.seed, before.random.draws) : new Generator(recipe.seed),
  })
  const evaluator = await Evaluator.create(model, device, [validationBatchSize, size, size, 3])
  try {
    const run = await RunFolder.open(folder, step)
    const resume = await run.load()
    const judge = (weights: ReadonlyMap<string, Tensor>): Promise<Accuracy> =>
      evaluator.run(loaders.validation, weights, { onBatch: (images) => events.evaluate(images) })
    events.begin({ updatesPerEpoch, epochs: totalEpochs(recipe), before: resume })
    return await fit({
      step,
      epochs: totalEpochs(recipe),
      updatesPerEpoch,
      accumulation: batch.accumulation,
      rate: recipeTimeline(recipe, { updatesPerEpoch }),
      batches: trainBatches(loaders.train, settings, model.numClasses, device, (ms) => events.input(ms)),
      async beforeEpoch(epoch) {
        if (distils(epoch) === distilling) return
        distilling = !distilling
        await step.setLoss(recipeLoss(recipe, epoch))
      },
      async evaluate() {
        const { averages } = step.state
        const plain = await judge(model.stateDict())
        if (averages.length === 0) return { ...plain }
        // As timm does: the averaged weights are the ones that count.
        const averaged = await judge(new Map(averages))
        return { ...averaged, plain_loss: plain.loss, plain_top1: plain.top1, plain_top5: plain.top5 }
      },
      metric: evalMetric,
      keep: { keep: checkpointHist },
      save: run.save,
      ...(recoveryInterval > 0 && { saveEvery: recoveryInterval }),
      ...(resume && { resume }),
      onUpdate: (report) => events.update(report),
      onEpoch: (summary) => events.epoch(summary),
      signal,
    })
  } finally {
    evaluator.dispose()
  }
}

/** What cannot be trained, said before anything is loaded. */
export function checkSettings({ recipe, recoveryInterval }: TrainSettings): void {
  if (recipe.teacher)
    throw new Failure(
      `the recipe ${recipe.name} learns from a teacher (${recipe.teacher.model}), which is no model here; use one without, or --set teacher=null`,
      exitCodes.usage,
    )
  if (mixes(recipe) && recipe.batch.perDevice % 2 === 1)
    throw new Failure(
      `--batch-size ${recipe.batch.perDevice}: mixup and cutmix pair the images of a batch; use an even number`,
      exitCodes.usage,
    )
  if (recipe.mesa && recipe.average === undefined)
    throw new Failure(
      'distillation from averaged weights (mesa) needs them; set --model-ema-decay, or --set mesa=null',
      exitCodes.usage,
    )
  if (!Number.isInteger(recoveryInterval) || recoveryInterval < 0)
    throw new Failure('--recovery-interval is a number of updates', exitCodes.usage)
}
