import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { saveChunks } from '@scanline/checkpoint/node'
import { type Backend, Generator } from '@scanline/tensor'
import { type Backbone, type CreateModelOptions, createModel, modelInfo } from '@scanline/zoo'
import { open } from '../devices.js'
import { exitCodes, Failure, oneLine } from '../failure.js'
import type { Io } from '../io.js'
import { asWeightsFailure, openWeights, weightsHub } from '../load-weights.js'
import { progressOn } from '../progress.js'
import { RunConsole } from './console.js'
import { type Folders, openFolders, openLoaders } from './data.js'
import { writeReport } from './report.js'
import { resolveSettings, type TrainOptions } from './resolve.js'
import { checkSettings, trainModel } from './session.js'
import { chunks, saveSettings, type TrainSettings } from './settings.js'

/** `train`: gives the exit status. */
export async function train(data: string | undefined, options: TrainOptions, io: Io): Promise<number> {
  const { settings: asked, folder } = await resolveSettings(data, options)
  checkSettings(asked)
  if (options.resume === undefined && existsSync(join(folder, 'args.yaml')))
    throw new Failure(`${folder} holds a training run; --resume ${folder} goes on with it, another --experiment begins a new one`)
  const folders = await openFolders(asked)
  const { classes } = folders.train
  const device = await open(asked.device, asked.threads)
  try {
    const settings: TrainSettings = {
      ...asked,
      numClasses: classes.length,
      validationBatchSize: asked.validationBatchSize || asked.recipe.batch.perDevice,
      // What `auto` stood for: a resumed run has to go on there.
      device: device.name,
      threads: device.capabilities.threads,
    }
    using model = await makeModel(settings, device, options, io)
    await mkdir(folder, { recursive: true })
    await saveSettings(folder, settings)
    await saveChunks(join(folder, 'classes.txt'), chunks(`${classes.join('\n')}\n`))
    return await run(settings, { model, device, folders, folder }, io)
  } finally {
    device.dispose()
  }
}

async function run(
  settings: TrainSettings,
  { model, device, folders, folder }: { model: Backbone; device: Backend; folders: Folders; folder: string },
  io: Io,
): Promise<number> {
  const { recipe, evalMetric } = settings
  const { perDevice, accumulation } = recipe.batch
  const say = new RunConsole(folder, io)
  const loaders = openLoaders(folders, settings, ({ path, message }) => say.warn(oneLine(`skipped ${path}: ${message}`)))
  let best: number | undefined
  const better = (value: number): boolean => best === undefined || (evalMetric === 'loss' ? value < best : value > best)
  const began = performance.now()
  try {
    const { finished, progress } = await trainModel(
      settings,
      { model, device, loaders, folder },
      {
        begin({ updatesPerEpoch, epochs, before }) {
          say.line(
            `${settings.model} (${(model.parameterCount() / 1e6).toFixed(2)} M parameters), recipe ${recipe.name}, ${recipe.size} x ${recipe.size}, ${folders.train.classes.length} classes`,
          )
          say.line(
            `${folders.train.samples.length} images, ${folders.validation.samples.length} to validate; ${updatesPerEpoch} updates of ${perDevice * accumulation} an epoch; ${device.name}, ${settings.threads} threads; ${folder}`,
          )
          if (before && before.epoch < epochs) say.line(`goes on in epoch ${before.epoch + 1}, update ${before.updatesDone + 1}`)
          best = before?.best?.metric
          const toJudge = folders.validation.samples.length * (recipe.average === undefined ? 1 : 2)
          say.begin({ imagesPerUpdate: perDevice * accumulation, updatesPerEpoch, epochs, toJudge })
        },
        update: (report) => say.update(report),
        input: (ms) => say.input(ms),
        evaluate: (images) => say.evaluate(images),
        epoch(summary) {
          const value = summary.eval[evalMetric]!
          const isBest = better(value)
          if (isBest) best = value
          say.epoch(summary, isBest)
        },
      },
      io.signal,
    )
    say.end()
    const images = { train: folders.train.samples.length, validation: folders.validation.samples.length }
    const { classes } = folders.train
    await writeReport(folder, { settings, parameters: model.parameterCount(), classes, images, progress })
    if (!finished) {
      say.warn(`stopped in epoch ${progress.epoch + 1} after ${progress.updatesDone} updates; --resume ${folder} goes on`)
      return exitCodes.interrupted
    }
    const took = ((performance.now() - began) / 1000).toFixed(1)
    const found = progress.best
      ? `best ${evalMetric} ${progress.best.metric.toFixed(4)} in epoch ${progress.best.epoch + 1}, `
      : ''
    say.line(`finished after ${took} s: ${found}${join(folder, 'best.safetensors')}`)
    return exitCodes.ok
  } finally {
    say.end()
    await loaders.close()
  }
}

/** A new model, or one that starts from weights; another number of classes gets a new classifier. */
async function makeModel(settings: TrainSettings, device: Backend, { offline, resume }: TrainOptions, io: Io): Promise<Backbone> {
  const { recipe, numClasses, modelConfig, pretrained, initFrom } = settings
  const generator = new Generator(recipe.seed)
  const create: CreateModelOptions = {
    device,
    generator,
    numClasses: numClasses!,
    ...(recipe.dropPath !== undefined && { dropPathRate: recipe.dropPath }),
    ...(modelConfig && { config: modelConfig }),
    ...(modelInfo(settings.model).family === 'vim' && { imgSize: recipe.size }),
  }
  // What a resume restores needs no other start.
  if (resume !== undefined || (!pretrained && initFrom === undefined)) return createModel(settings.model, create)
  const progress = progressOn(io.stderr, 'MB')
  const hub = weightsHub(offline === true)
  const onNotice = (message: string): void => {
    progress.clear()
    io.stderr.write(`${message}\n`)
  }
  const weights =
    initFrom === undefined ? undefined : await openWeights(initFrom, { hub, signal: io.signal, progress, flag: '--init-from' })
  try {
    return await createModel(settings.model, {
      ...create,
      ...(weights ? { weights } : { pretrained: true }),
      hub,
      signal: io.signal,
      onNotice,
      onProgress: ({ phase, name, loaded, total }) =>
        phase === 'download' && progress.update(loaded, total, `downloading ${name}`),
    })
  } catch (error) {
    throw asWeightsFailure(error, {
      model: settings.model,
      ...(initFrom !== undefined && { weights: initFrom, flag: '--init-from' }),
    })
  } finally {
    progress.clear()
    await weights?.close()
  }
}
