import { existsSync, statSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { compareNatural } from '@scanline/datasets'
import { listModels, modelInfo } from '@scanline/zoo'
import { exitCodes, Failure } from '../failure.js'
import { readSettings } from '../train/settings.js'

/** One model to validate, with its published weights or a file's. */
export interface Target {
  readonly model: string
  readonly checkpoint?: string
  readonly modelConfig?: Readonly<Record<string, unknown>>
  /** Of the images, and the part of them that is kept, as the run of the checkpoint had it. */
  readonly size?: number
  readonly cropPct?: number
}

export interface Targets {
  readonly targets: readonly Target[]
  /** Several were asked for: the results file is sorted, and a failure of one does not end the others. */
  readonly bulk: boolean
}

export interface TargetOptions {
  readonly model?: string
  readonly checkpoint?: string
  readonly modelConfig?: Readonly<Record<string, unknown>>
}

const checkpointFile = /\.(pth\.tar|pth|safetensors)$/

/**
 * What `--model` and `--checkpoint` name: one model; all with published weights (`all`), those of a pattern, or those of a
 * text file with a name a line; every checkpoint of a folder in natural order. A file that `train` wrote knows its model.
 */
export async function findTargets({ model, checkpoint, modelConfig }: TargetOptions): Promise<Targets> {
  const config = modelConfig && { modelConfig }
  if (checkpoint === undefined) {
    const names = await modelNames(model ?? 'mambaout_femto')
    return { targets: names.map((name) => ({ model: name, ...config })), bulk: names.length > 1 || model === 'all' }
  }
  const folder = existsSync(checkpoint) && statSync(checkpoint).isDirectory()
  const files = folder
    ? (await readdir(checkpoint))
        .filter((name) => checkpointFile.test(name) && !name.startsWith('.'))
        .sort(compareNatural)
        .map((name) => join(checkpoint, name))
    : [checkpoint]
  if (files.length === 0)
    throw new Failure(
      `${checkpoint} holds no checkpoint (*.pth.tar, *.pth, *.safetensors); give the folder that has them, or a file`,
    )
  const place = folder ? checkpoint : dirname(checkpoint)
  const run = existsSync(join(place, 'args.yaml')) && model === undefined ? await ofRun(place) : undefined
  if (!run && model === undefined) throw new Failure('name the model that the checkpoint is of with --model', exitCodes.usage)
  const [name] = run ? [run.model] : await modelNames(model!)
  return { targets: files.map((file) => ({ ...run, model: name!, checkpoint: file, ...config })), bulk: folder }
}

/** timm writes `args.yaml` too; only that of `train` is JSON. */
async function ofRun(folder: string): Promise<Target | undefined> {
  const settings = await readSettings(folder).catch(() => undefined)
  if (!settings) return undefined
  const { model, modelConfig, recipe } = settings
  return { model, ...(modelConfig && { modelConfig }), size: recipe.size, cropPct: recipe.evaluation.cropPct }
}

async function modelNames(text: string): Promise<string[]> {
  if (text === 'all') return listModels('*', { pretrained: true })
  if (/[*?[]/.test(text)) {
    const found = listModels(text, { pretrained: true })
    if (found.length === 0) throw new Failure(`no model with published weights matches "${text}"; \`models\` lists all`)
    return found
  }
  if (/\.txt$/.test(text) && existsSync(text)) {
    const lines = (await readFile(text, 'utf8')).split(/\r?\n/).map((line) => line.trim())
    return lines.filter((line) => line !== '').map((line) => modelInfo(line).name)
  }
  return [modelInfo(text).name]
}
