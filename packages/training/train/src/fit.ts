import type { EpochSummary, Figures } from '@scanline/metrics'
import type { Timeline } from '@scanline/optim'
import { ArgumentError, type Generator, ScanlineError, type Tensor, type Tree } from '@scanline/tensor'
import { type KeepActions, type KeepOptions, KeepPolicy } from './keep-policy.js'
import { beginning, type Progress } from './progress.js'
import type { TrainStep } from './train-step.js'

/** One (micro-)batch on the device; `fit` frees it. */
export interface TrainBatch {
  readonly images: Tensor
  readonly targets: Tensor
}

/** What an update did. */
export interface UpdateReport {
  readonly epoch: number
  /** Within the epoch, from 0. */
  readonly update: number
  readonly updatesPerEpoch: number
  /** Mean over its micro-batches. */
  readonly loss: number
  /** Of the gradients, before clipping, where they are clipped by it. */
  readonly norm?: number
  readonly lr: number
}

/** Handed to `save`. */
export interface SaveRequest {
  readonly progress: Progress
  /** After an epoch: which of its files stay. Absent within one. */
  readonly actions?: KeepActions
}

export interface FitOptions<Outputs extends Tree = Tensor> {
  readonly step: TrainStep<Outputs>
  readonly epochs: number
  readonly updatesPerEpoch: number
  /** Micro-batches of an update. */
  readonly accumulation?: number
  readonly rate: Timeline
  /** The micro-batches of an epoch in order, beginning with number `from`. */
  readonly batches: (epoch: number, from: number) => AsyncIterable<TrainBatch>
  /** Streams that `batches` draws from, restored on a resume. */
  readonly streams?: Readonly<Record<string, Generator>>
  /** Before an epoch, also the one that a resume goes on with: for another loss from some epoch on. */
  readonly beforeEpoch?: (epoch: number) => Promise<void> | void
  /** After an epoch, figures such as `{ loss, top1, top5 }`. */
  readonly evaluate?: (epoch: number) => Promise<Figures>
  /** The figure by which epochs are compared: `top1` unless told otherwise, lower is better for `loss`. */
  readonly metric?: string
  readonly keep?: Pick<KeepOptions, 'keep'>
  /** Saves everything, all or nothing; see `RunFolder` of `@scanline/train/node`. */
  readonly save?: (request: SaveRequest) => Promise<void>
  /** Updates between two saves within an epoch; none unless told otherwise. */
  readonly saveEvery?: number
  /** Where a saved run stood, once its tensors are restored. */
  readonly resume?: Progress
  readonly onUpdate?: (report: UpdateReport) => void
  readonly onEpoch?: (summary: EpochSummary) => void
  /** Ends the run after the update that is being done, and saves. */
  readonly signal?: AbortSignal
}

/** The loss is NaN or infinite. */
export class NonFiniteLossError extends ScanlineError {
  constructor(message: string) {
    super('NON_FINITE_LOSS', message)
  }
}

/**
 * Trains for some epochs. A run that is interrupted, by `signal` or by force, and goes on from what was saved last gives
 * the same bits as one that was not.
 *
 * Throws `NonFiniteLossError`, `ArgumentError` when the batches of an epoch are too few, and what its functions throw;
 * what was saved before stays.
 *
 * @example
 * const folder = await RunFolder.open('runs/first', step)
 * const resume = await folder.load()
 * const { finished } = await fit({ step, epochs: 300, updatesPerEpoch, rate, batches, evaluate, resume, save: folder.save, signal })
 */
export async function fit<Outputs extends Tree>(
  options: FitOptions<Outputs>,
): Promise<{ readonly finished: boolean; readonly progress: Progress }> {
  const { step, epochs, updatesPerEpoch, streams = {}, metric = 'top1', signal, save } = options
  let progress = options.resume ?? beginning(step.random.state)
  restore(options, progress)
  const policy = new KeepPolicy(
    { ...options.keep, lowerIsBetter: metric === 'loss' },
    { kept: progress.kept, best: progress.best ?? undefined },
  )
  const standing = (epoch: number, updatesDone: number, lossSum: number): Progress => ({
    ...progress,
    epoch,
    updatesDone,
    lossSum,
    updates: step.updates,
    random: step.random.state,
    streams: Object.fromEntries(Object.entries(streams).map(([name, stream]) => [name, stream.state])),
  })
  while (progress.epoch < epochs) {
    const { epoch } = progress
    await options.beforeEpoch?.(epoch)
    const first = progress.updatesDone
    let lossSum = progress.lossSum
    let done = first
    let lr = 0
    if (done < updatesPerEpoch)
      for await (const report of updatesOf(options, epoch, first)) {
        options.onUpdate?.(report)
        lossSum += report.loss
        lr = report.lr
        done++
        const stop = signal?.aborted && done < updatesPerEpoch
        if (stop || (options.saveEvery && done % options.saveEvery === 0 && done < updatesPerEpoch)) {
          progress = standing(epoch, done, lossSum)
          await save?.({ progress })
        }
        if (stop) return { finished: false, progress }
      }
    const figures = (await options.evaluate?.(epoch)) ?? {}
    const summary: EpochSummary = { epoch, train: { loss: lossSum / updatesPerEpoch }, eval: figures, lr }
    const actions = policy.add(epoch, figures[metric])
    const { kept, best } = policy.state
    progress = { ...standing(epoch + 1, 0, 0), kept, best: best ?? null, summary: [...progress.summary, summary] }
    await save?.({ progress, actions })
    options.onEpoch?.(summary)
    if (signal?.aborted) break
  }
  return { finished: progress.epoch >= epochs, progress }
}

/** Checks that streams and counts are those of the run, and sets what has a state. */
function restore<Outputs extends Tree>(
  { step, streams = {}, updatesPerEpoch }: FitOptions<Outputs>,
  { updates, streams: saved, updatesDone, random }: Progress,
): void {
  if (updatesDone > updatesPerEpoch)
    throw new ArgumentError(
      `the saved run had done ${updatesDone} updates of its epoch, which has ${updatesPerEpoch} now; resume with the same data and batch`,
    )
  const { seed, draws } = step.random.state
  if (seed !== random.seed || (updates > 0 && draws !== random.draws))
    throw new ArgumentError(
      `the step draws from seed ${seed} after ${draws} draws, and the saved run stood at seed ${random.seed} after ${random.draws}; create the step with new Generator(${random.seed}, ${random.draws})`,
    )
  for (const [name, stream] of Object.entries(streams)) {
    const before = saved[name]
    if (before && (before.seed !== stream.state.seed || before.draws !== stream.state.draws))
      throw new ArgumentError(
        `the stream "${name}" does not stand where the saved run stood; create it with new Generator(${before.seed}, ${before.draws})`,
      )
  }
  step.updates = updates
}

/** The updates of an epoch from one on, each done when it is given. */
async function* updatesOf<Outputs extends Tree>(
  { step, rate, batches, updatesPerEpoch, accumulation = 1 }: FitOptions<Outputs>,
  epoch: number,
  from: number,
): AsyncGenerator<UpdateReport> {
  let update = from
  let index = 0
  let loss = 0
  for await (const { images, targets } of batches(epoch, from * accumulation)) {
    const lr = rate({ epoch, update, updatesPerEpoch })
    const result = step.run(images, targets, { lr, micro: { index, of: accumulation } })
    images.dispose()
    targets.dispose()
    const value = await result.loss.item()
    const norm = await result.norm?.item()
    result.loss.dispose()
    result.norm?.dispose()
    if (!Number.isFinite(value))
      throw new NonFiniteLossError(
        `the loss is ${value} in epoch ${epoch}, update ${update}; lower the learning rate, clip gradients, or warm up longer, and resume from the last checkpoint`,
      )
    loss += value / accumulation
    if (++index < accumulation) continue
    yield { epoch, update, updatesPerEpoch, loss, lr, ...(norm !== undefined && { norm }) }
    update++
    index = 0
    loss = 0
    // What is left of the batches is not used, as the published accumulating trainer does.
    if (update === updatesPerEpoch) return
  }
  throw new ArgumentError(
    `epoch ${epoch} has ${update} updates instead of ${updatesPerEpoch}; give as many batches, or lower updatesPerEpoch`,
  )
}
