import { readFile } from 'node:fs/promises'
import {
  checkClassCount,
  createLoader,
  decayBatchSize,
  type ImageFolder,
  openImageFolder,
  worthRetrying,
} from '@scanline/datasets'
import type { EvalConfig } from '@scanline/image'
import {
  byTop1,
  parseRealLabels,
  parseValidLabels,
  RealAccuracy,
  type ResultsRow,
  realLabelIndex,
  resultsRow,
} from '@scanline/metrics'
import type { Backend } from '@scanline/tensor'
import { type Backbone, createModel, evalConfig, families, modelInfo } from '@scanline/zoo'
import { open } from '../devices.js'
import { type Accuracy, Evaluator } from '../evaluator.js'
import { exitCodes, explain, Failure, oneLine } from '../failure.js'
import type { Io } from '../io.js'
import { asWeightsFailure, openWeights, weightsHub } from '../load-weights.js'
import { progressOn } from '../progress.js'
import { resultsJson, saveResults } from './results-file.js'
import { findTargets, type Target, type TargetOptions } from './targets.js'

/** The command line of `validate`, as commander gives it. */
export interface ValidateOptions extends TargetOptions {
  readonly split: string
  readonly pretrained?: boolean
  readonly useEma?: boolean
  readonly batchSize: number
  readonly imgSize?: number
  readonly inputSize?: readonly number[]
  readonly cropPct?: number
  readonly cropMode?: 'center' | 'squash' | 'border'
  readonly interpolation?: 'bicubic' | 'bilinear'
  readonly mean?: readonly number[]
  readonly std?: readonly number[]
  readonly useTrainSize?: boolean
  readonly realLabels?: string
  readonly validLabels?: string
  readonly classMap?: string
  readonly numClasses?: number
  readonly gp?: string
  readonly resultsFile?: string
  readonly resultsFormat: 'csv' | 'json'
  readonly retry?: boolean
  readonly damaged: 'skip' | 'stop'
  readonly device: string
  readonly threads?: number
  readonly workers?: number
  readonly offline?: boolean
}

/** `validate`: gives the exit status. */
export async function validate(data: string, options: ValidateOptions, io: Io): Promise<number> {
  const { targets, bulk } = await findTargets(options)
  const device = await open(options.device, options.threads)
  const rows: ResultsRow[] = []
  let failed = 0
  try {
    for (const target of targets) {
      try {
        rows.push(await validateOne(data, target, bulk && target.checkpoint !== undefined, options, device, io))
      } catch (error) {
        if (!bulk || io.signal.aborted) throw error
        failed++
        io.stderr.write(`error: ${target.checkpoint ?? target.model}: ${explain(error)}\n`)
      }
      // After each, so that an interrupted run of many leaves what it has.
      if (options.resultsFile !== undefined && rows.length > 0)
        await saveResults(options.resultsFile, rows, { format: options.resultsFormat, bulk })
    }
  } finally {
    device.dispose()
  }
  if (rows.length === 0) return exitCodes.failed
  io.stdout.write(`--result\n${resultsJson(bulk ? byTop1(rows) : rows, bulk)}\n`)
  return failed > 0 ? exitCodes.failed : exitCodes.ok
}

async function validateOne(
  data: string,
  target: Target,
  named: boolean,
  options: ValidateOptions,
  device: Backend,
  io: Io,
): Promise<ResultsRow> {
  const config = imageConfig(target, options)
  using model = await load(target, config, options, device, io)
  const folder = await openFolder(data, target, options, model)
  let batch = options.batchSize
  for (;;) {
    try {
      const found = await judge(model, folder, config, batch, options, device, io)
      const [, height] = config.inputSize
      const row = {
        model: target.model,
        ...found,
        parameters: model.parameterCount(),
        imageSize: height,
        cropPct: config.cropPct ?? 1,
        interpolation: config.interpolation ?? 'bicubic',
        ...(named && { checkpoint: target.checkpoint! }),
      }
      const percent = (x: number) => `${x.toFixed(3)} (${(100 - x).toFixed(3)})`
      io.stdout.write(
        ` * Acc@1 ${percent(found.top1)} Acc@5 ${percent(found.top5)} loss ${found.loss.toFixed(4)}  ${target.checkpoint ?? target.model}\n`,
      )
      return resultsRow(row)
    } catch (error) {
      const smaller = decayBatchSize(batch)
      if (!options.retry || io.signal.aborted || smaller === 0 || !worthRetrying(explain(error))) throw error
      io.stderr.write(`${explain(error)}; again with batches of ${smaller}\n`)
      batch = smaller
    }
  }
}

/** The model's own preparation of images, but for what was asked for. */
function imageConfig(target: Target, options: ValidateOptions): EvalConfig {
  const info = modelInfo(target.model)
  const { imgSize, inputSize, useTrainSize, cropMode, interpolation, mean, std } = options
  const side = imgSize ?? target.size ?? (useTrainSize ? info.inputSize : info.testInputSize)[1]
  const cropPct = options.cropPct ?? target.cropPct
  if (inputSize && inputSize.length !== 3)
    throw new Failure('--input-size takes channels, height and width, such as 3 224 224', exitCodes.usage)
  return {
    ...evalConfig(info, side),
    ...(inputSize && { inputSize: inputSize as [number, number, number] }),
    ...(cropPct !== undefined && { cropPct }),
    ...(cropMode && { cropMode }),
    ...(interpolation && { interpolation }),
    ...(mean && { mean: rgb('--mean', mean) }),
    ...(std && { std: rgb('--std', std) }),
  }
}

function rgb(flag: string, values: readonly number[]): readonly [number, number, number] {
  const [r, g, b] = values.length === 1 ? [values[0], values[0], values[0]] : values
  if (r === undefined || g === undefined || b === undefined || values.length > 3)
    throw new Failure(`${flag} takes one number, or one for each of red, green and blue`, exitCodes.usage)
  return [r, g, b]
}

async function load(target: Target, config: EvalConfig, options: ValidateOptions, device: Backend, io: Io): Promise<Backbone> {
  const { checkpoint } = target
  const info = modelInfo(target.model)
  if (options.gp !== undefined && info.family !== 'mambaout')
    throw new Failure(`--gp: ${info.family} pools in one way only; leave it out`, exitCodes.usage)
  const modelConfig = { ...target.modelConfig, ...(options.gp !== undefined && { globalPool: options.gp }) }
  const averaged = options.useEma ?? families.find(({ name }) => name === info.family)?.averagedWeights ?? false
  const progress = progressOn(io.stderr, 'MB')
  const hub = weightsHub(options.offline === true)
  const file =
    checkpoint === undefined
      ? undefined
      : await openWeights(checkpoint, { hub, signal: io.signal, progress, averaged, flag: '--checkpoint' })
  try {
    return await createModel(target.model, {
      device,
      averaged,
      ...(file ? { weights: file } : { pretrained: true }),
      config: modelConfig,
      ...(options.numClasses !== undefined && { numClasses: options.numClasses }),
      ...(info.family === 'vim' && { imgSize: [config.inputSize[1], config.inputSize[2]] }),
      hub,
      signal: io.signal,
      onNotice: (message) => void io.stderr.write(`${message}\n`),
      onProgress: ({ phase, name, loaded, total }) =>
        phase === 'download' && progress.update(loaded, total, `downloading ${name}`),
    })
  } catch (error) {
    throw asWeightsFailure(error, {
      model: target.model,
      ...(checkpoint !== undefined && { weights: checkpoint, flag: '--checkpoint' }),
    })
  } finally {
    progress.clear()
    await file?.close()
  }
}

async function openFolder(
  data: string,
  { model }: Target,
  options: ValidateOptions,
  { numClasses }: Backbone,
): Promise<ImageFolder> {
  const reader = ['vim', 'efficientvim'].includes(modelInfo(model).family) ? 'torchvision' : 'timm'
  const folder = await openImageFolder(data, {
    split: options.split,
    reader,
    ...(options.classMap !== undefined && { classMap: options.classMap }),
  })
  if (options.validLabels === undefined) checkClassCount(folder, numClasses)
  return folder
}

async function judge(
  model: Backbone,
  folder: ImageFolder,
  config: EvalConfig,
  batchSize: number,
  { validLabels, realLabels, damaged, workers }: ValidateOptions,
  device: Backend,
  { stderr, signal }: Io,
): Promise<Accuracy> {
  const [, height, width] = config.inputSize
  const valid = validLabels === undefined ? undefined : parseValidLabels(await read(validLabels), model.numClasses)
  const real = realLabels === undefined ? undefined : new RealAccuracy(parseRealLabels(await read(realLabels)))
  if (valid && folder.classes.length !== valid.length) checkClassCount(folder, model.numClasses)
  const progress = progressOn(stderr, 'images')
  await using loader = createLoader(folder, {
    transform: { eval: config },
    batchSize,
    ...(workers !== undefined && { workers }),
    damaged:
      damaged === 'stop' ? damaged : ({ path, message }) => void stderr.write(`${oneLine(`skipped ${path}: ${message}`)}\n`),
  })
  const evaluator = await Evaluator.create(model, device, [batchSize, height, width, 3])
  let done = 0
  try {
    const found = await evaluator.run(loader, model.stateDict(), {
      ...(valid && { validLabels: valid, labelsOfAll: folder.classes.length !== valid.length }),
      ...(real && { onLogits: (sample, logits) => real.update(logits, realLabelIndex(folder.samples[sample]!.path)) }),
      onBatch: (images) => progress.update((done += images), folder.samples.length, 'validating'),
      signal,
    })
    if (!real) return found
    const [top1, top5] = real.percent
    return { ...found, top1: top1!, top5: top5! }
  } finally {
    progress.clear()
    evaluator.dispose()
  }
}

const read = (path: string): Promise<string> =>
  readFile(path, 'utf8').catch((error) => {
    throw new Failure(`${path}: cannot be read (${explain(error)})`)
  })
