import { existsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { exportOnnx, type OnnxModel } from '@scanline/onnx'
import { saveOnnx } from '@scanline/onnx/node'
import { Generator } from '@scanline/tensor'
import { type CreateModelOptions, createModel, evalConfig, imagenet1k, modelInfo } from '@scanline/zoo'
import { open } from './devices.js'
import { exitCodes, Failure } from './failure.js'
import type { Io } from './io.js'
import { asWeightsFailure, openWeights, weightsHub } from './load-weights.js'
import { readClasses } from './options.js'
import { type Progress, progressOn } from './progress.js'

export interface ExportOptions {
  readonly model: string
  readonly weights?: string
  readonly averaged?: boolean
  readonly random?: boolean
  readonly classes?: string
  readonly size?: number
  readonly features?: boolean
  readonly opset: number
  readonly layout: 'NCHW' | 'NHWC'
  readonly offline?: boolean
}

/** `export`: writes a model as an ONNX file; gives the exit status. */
export async function exportModel(path: string, options: ExportOptions, io: Io): Promise<number> {
  // What is quickly wrong is said before anything is downloaded.
  checkTarget(path)
  if (options.random && options.weights !== undefined)
    throw new Failure('--random and --weights exclude each other: which of them is wanted?', exitCodes.usage)
  const classes = options.classes === undefined ? undefined : await readClasses(options.classes)
  const device = await open('wasm', 1)
  try {
    const model = await load(options, device, io)
    try {
      io.signal.throwIfAborted()
      const size = options.size ?? modelInfo(options.model).testInputSize[1]
      const outputs = 'outIndices' in model ? model.outIndices.map((i) => `stage_${i}`) : ['logits']
      const onnx = await exportOnnx(model, [{ shape: [1, size, size, 3], dtype: 'f32', name: 'image' }], {
        // Weights keep the names that they have in checkpoints.
        module: 'outIndices' in model ? model.model : model,
        opset: options.opset,
        layout: options.layout,
        outputNames: outputs,
        metadata: metadata(options, size, 'outIndices' in model ? undefined : labels(model.numClasses, classes)),
      })
      io.signal.throwIfAborted()
      const saved = await saveOnnx(path, onnx)
      io.stdout.write(summary(onnx, saved))
    } finally {
      model.dispose()
    }
  } finally {
    device.dispose()
  }
  return exitCodes.ok
}

function checkTarget(path: string): void {
  if (existsSync(path) && statSync(path).isDirectory())
    throw new Failure(
      `${path} is a folder; give the file to write, such as ${path.replace(/\/$/, '')}/model.onnx`,
      exitCodes.usage,
    )
  if (!existsSync(dirname(path))) throw new Failure(`${path}: there is no folder ${dirname(path)}; make it first`)
}

async function load(options: ExportOptions, device: CreateModelOptions['device'], { stderr, signal }: Io) {
  const hub = weightsHub(options.offline === true)
  const progress = progressOn(stderr, 'MB')
  let weights: Awaited<ReturnType<typeof openWeights>> | undefined
  try {
    if (options.weights !== undefined)
      weights = await openWeights(options.weights, { hub, signal, progress, averaged: options.averaged })
    const settings = { device, ...source(options, weights), hub, signal, onProgress: shown(progress) }
    const sized = options.size === undefined ? settings : { ...settings, imgSize: options.size }
    return options.features
      ? await createModel(options.model, { ...sized, featuresOnly: true })
      : await createModel(options.model, sized)
  } catch (error) {
    throw asWeightsFailure(error, options)
  } finally {
    progress.clear()
    await weights?.close()
  }
}

function source({ random, averaged }: ExportOptions, weights: CreateModelOptions['weights']) {
  if (random) return { generator: new Generator(0) }
  return { ...(weights ? { weights } : { pretrained: true }), ...(averaged !== undefined && { averaged }) }
}

const shown =
  (progress: Progress): CreateModelOptions['onProgress'] =>
  ({ phase, name, loaded, total }) => {
    if (phase === 'download') progress.update(loaded, total, `downloading ${name}`)
  }

/** Names of a classifier's outputs, where they are known. */
function labels(outputs: number, classes: readonly string[] | undefined): readonly string[] | undefined {
  if (classes && classes.length !== outputs)
    throw new Failure(
      `--classes has ${classes.length} names, the weights have ${outputs} classes; name every class, in their order`,
    )
  return classes ?? (outputs === imagenet1k.length ? imagenet1k.map(({ name }) => name) : undefined)
}

/** What somebody who only has the file needs to know, as texts: lists and records are JSON. */
function metadata(
  { model, weights, random }: ExportOptions,
  size: number,
  names: readonly string[] | undefined,
): Record<string, string> {
  const info = modelInfo(model)
  const { pipeline, cropPct, cropMode, interpolation, mean, std } = evalConfig(info, size)
  return {
    model: info.name,
    weights: random ? 'random' : (weights ?? info.weights ?? ''),
    licence: info.licence,
    paper: info.paper,
    preprocessing: JSON.stringify({ size: [size, size], pipeline, cropPct, cropMode, interpolation, mean, std }),
    ...(names && { labels: JSON.stringify(names) }),
  }
}

function summary({ opset, graph }: OnnxModel, { path, data, bytes }: Awaited<ReturnType<typeof saveOnnx>>): string {
  const port = ({ name, shape = [] }: OnnxModel['graph']['inputs'][number]): string => `${name} [${shape.join(', ')}]`
  return [
    `${path}${data === undefined ? '' : ` and ${data}, which must stay beside it`}: ${(bytes / 1e6).toFixed(1)} MB, opset ${opset}`,
    ...graph.inputs.map((input) => `  in   ${port(input)}`),
    ...graph.outputs.map((output) => `  out  ${port(output)}`),
    '',
  ].join('\n')
}
