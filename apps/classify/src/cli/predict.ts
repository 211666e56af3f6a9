import { type Classifier, createClassifier } from '../classifier.js'
import { ahead } from './ahead.js'
import { open } from './devices.js'
import { exitCodes, explain } from './failure.js'
import { collectInputs, type Input } from './inputs.js'
import type { Io } from './io.js'
import { asWeightsFailure, isOffline, openWeights, weightsHub } from './load-weights.js'
import { readClasses } from './options.js'
import { progressOn } from './progress.js'
import { readImage } from './read-image.js'
import type { Report } from './report.js'
import { jsonReport } from './report-json.js'
import { textReport } from './report-text.js'

export interface PredictOptions {
  readonly model: string
  readonly weights?: string
  readonly classes?: string
  readonly topk: number
  readonly json?: boolean
  readonly device: string
  readonly threads?: number
  readonly batch: number
  readonly size?: number
  readonly averaged?: boolean
  readonly offline?: boolean
}

/** `predict`: gives the exit status. */
export async function predict(names: readonly string[], options: PredictOptions, io: Io): Promise<number> {
  const report = options.json ? jsonReport(io.stdout) : textReport(io)
  const { inputs, device, classifier } = await setUp(names, options, io).catch((error) => {
    report.refuse(io.signal.aborted ? 'interrupted' : explain(error))
    throw error
  })
  try {
    report.begin({
      model: classifier.model,
      weights: options.weights,
      device: device.name,
      threads: device.capabilities.threads,
      batch: options.batch,
      inputSize: classifier.inputSize,
      classes: classifier.numClasses,
    })
    return await classifyAll(inputs, classifier, report, options, io)
  } finally {
    classifier.dispose()
    device.dispose()
  }
}

async function setUp(names: readonly string[], options: PredictOptions, io: Io) {
  // What is quickly wrong is said before anything is downloaded.
  const classes = options.classes === undefined ? undefined : await readClasses(options.classes)
  const inputs = await collectInputs(names)
  const device = await open(options.device, options.threads)
  try {
    return { inputs, device, classifier: await load(options, classes, device, io) }
  } catch (error) {
    device.dispose()
    throw error
  }
}

/** Loads the model, showing how far that is. */
async function load(
  options: PredictOptions,
  classes: readonly string[] | undefined,
  device: Classifier['device'],
  { stderr, signal }: Io,
): Promise<Classifier> {
  const hub = weightsHub(options.offline === true)
  const progress = progressOn(stderr, 'MB')
  let weights: Awaited<ReturnType<typeof openWeights>> | undefined
  try {
    if (options.weights !== undefined)
      weights = await openWeights(options.weights, { hub, signal, progress, averaged: options.averaged })
    return await createClassifier({
      model: options.model,
      device,
      hub,
      signal,
      ...(weights && { weights }),
      ...(classes && { classes }),
      ...(options.size !== undefined && { size: options.size }),
      ...(options.averaged !== undefined && { averaged: options.averaged }),
      onProgress: ({ phase, name, loaded, total }) => {
        if (phase === 'download') progress.update(loaded, total, `downloading ${name}`)
      },
    })
  } catch (error) {
    throw asWeightsFailure(error, options)
  } finally {
    progress.clear()
    await weights?.close()
  }
}

type Loaded = { readonly file: string } & ({ readonly values: Float32Array } | { readonly error: string })

/** Images that are read before they are needed. Their bytes are in memory, so not many. */
const readAhead = 4

async function classifyAll(
  inputs: readonly Input[],
  classifier: Classifier,
  report: Report,
  options: PredictOptions,
  { stdout, stderr, env, signal }: Io,
): Promise<number> {
  const read = { signal, offline: options.offline === true || isOffline(env) }
  const prepare = async ({ file, error }: Input): Promise<Loaded> => {
    if (error !== undefined) return { file, error }
    try {
      return { file, values: await classifier.prepare(await readImage(file, read)) }
    } catch (problem) {
      return { file, error: explain(problem) }
    }
  }
  // On a terminal the results themselves show how far it is.
  const progress = progressOn(stdout.isTTY ? { write() {} } : stderr, 'images')
  const started = performance.now()
  let [images, failed] = [0, 0]
  const summary = () => ({ images, failed, seconds: Number(((performance.now() - started) / 1000).toFixed(3)) })

  const flush = async (items: readonly Loaded[]): Promise<void> => {
    const values = items.flatMap((item) => ('values' in item ? [item.values] : []))
    const predictions = (await classifier.classifyPrepared(values, { topK: options.topk })).values()
    // Only failures share stderr with it.
    if (items.some((item) => 'error' in item)) progress.clear()
    for (const item of items) {
      images++
      if ('error' in item) {
        failed++
        report.failure(item.file, item.error)
      } else report.image(item.file, predictions.next().value!)
    }
    progress.update(images, inputs.length, 'classifying')
  }

  try {
    let pending: Loaded[] = []
    for await (const item of ahead(inputs, readAhead, prepare)) {
      signal.throwIfAborted()
      pending.push(item)
      if (pending.filter((p) => 'values' in p).length < options.batch) continue
      await flush(pending)
      pending = []
    }
    signal.throwIfAborted()
    await flush(pending)
  } catch (error) {
    progress.clear()
    report.end(summary(), signal.aborted ? 'interrupted' : explain(error))
    throw error
  }
  progress.clear()
  report.end(summary())
  return failed > 0 ? exitCodes.failed : exitCodes.ok
}
