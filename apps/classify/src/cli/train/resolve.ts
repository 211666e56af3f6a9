import { join, resolve } from 'node:path'
import type { Recipe } from '@scanline/train'
import { modelInfo } from '@scanline/zoo'
import { exitCodes, Failure } from '../failure.js'
import { findRecipe } from './find-recipe.js'
import { override } from './override.js'
import { recipeFlags } from './recipe-flags.js'
import { readSettings, type TrainSettings } from './settings.js'

/** The command line of `train`, as commander gives it. Flags of a recipe are among them under their own names. */
export interface TrainOptions {
  readonly model?: string
  readonly modelConfig?: Readonly<Record<string, unknown>>
  readonly recipe?: string
  readonly set?: readonly string[]
  readonly trainSplit?: string
  readonly valSplit?: string
  readonly classMap?: string
  readonly numClasses?: number
  readonly pretrained?: boolean
  readonly initFrom?: string
  readonly mixupOffEpoch?: number
  readonly validationBatchSize?: number
  readonly evalMetric?: 'top1' | 'loss'
  readonly checkpointHist?: number
  readonly recoveryInterval?: number
  readonly damaged?: 'skip' | 'stop'
  readonly recompute?: 'blocks' | 'stages'
  readonly output: string
  readonly experiment?: string
  readonly resume?: string
  readonly device?: string
  readonly threads?: number
  readonly workers?: number
  readonly offline?: boolean
  readonly [recipeFlag: string]: unknown
}

const own = [
  'trainSplit',
  'valSplit',
  'classMap',
  'numClasses',
  'pretrained',
  'initFrom',
  'mixupOffEpoch',
  'validationBatchSize',
  'evalMetric',
  'checkpointHist',
  'recoveryInterval',
  'damaged',
  'recompute',
  'device',
  'threads',
  'workers',
] as const satisfies readonly (keyof TrainSettings)[]

/** What a run goes by, and its folder: the recipe and defaults, or what a run was begun with, under the flags that were given. */
export async function resolveSettings(
  data: string | undefined,
  options: TrainOptions,
): Promise<{ readonly settings: TrainSettings; readonly folder: string }> {
  const saved = options.resume === undefined ? undefined : await readSettings(options.resume)
  if (saved && (options.model !== undefined || options.modelConfig || options.recipe !== undefined))
    throw new Failure(
      '--resume goes on with the model and the recipe that the run was begun with; leave out --model, --model-config and --recipe (single values can be replaced)',
      exitCodes.usage,
    )
  const model = saved?.model ?? options.model ?? 'test_mambaout'
  const base = saved ?? (await fresh(data, model, options))
  const chosen = Object.fromEntries(own.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])))
  const settings: TrainSettings = {
    ...base,
    ...chosen,
    // A resume may come from another folder.
    ...(data !== undefined && { data: resolve(data) }),
    ...(options.classMap !== undefined && { classMap: resolve(options.classMap) }),
    recipe: overridden(base.recipe, options),
  }
  if (settings.pretrained && settings.initFrom !== undefined)
    throw new Failure('--pretrained and --init-from exclude each other: which weights are to start from?', exitCodes.usage)
  const folder = options.resume ?? join(options.output, options.experiment ?? nameOf(settings))
  return { settings, folder }
}

async function fresh(data: string | undefined, model: string, options: TrainOptions): Promise<TrainSettings> {
  if (data === undefined)
    throw new Failure('name the folder of images to train on, or a run to go on with (--resume)', exitCodes.usage)
  const recipe = await findRecipe(options.recipe, model)
  const { perDevice, devices, accumulation } = recipe.batch
  return {
    data,
    trainSplit: 'train',
    valSplit: 'validation',
    model,
    ...(options.modelConfig && { modelConfig: options.modelConfig }),
    // One device does what several did, one after the other.
    recipe: { ...recipe, batch: { perDevice, devices: 1, accumulation: devices * accumulation } },
    mixupOffEpoch: 0,
    validationBatchSize: 0,
    evalMetric: 'top1',
    checkpointHist: 10,
    recoveryInterval: 0,
    damaged: 'skip',
    device: 'auto',
  }
}

/** The property under which commander gives a flag's value. */
const property = (flags: string): string =>
  /--([a-z0-9-]+)/.exec(flags)![1]!.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())

function overridden(recipe: Recipe, options: TrainOptions): Recipe {
  let result = recipe
  for (const { flags, path } of recipeFlags) {
    const value = options[property(flags)]
    if (value !== undefined) result = override(result, path, value)
  }
  for (const text of options.set ?? []) {
    const at = text.indexOf('=')
    if (at < 1) throw new Failure(`--set ${text}: write name=value, such as schedule.rate=1e-3`, exitCodes.usage)
    result = override(result, text.slice(0, at), parsed(text.slice(at + 1)))
  }
  return result
}

/** JSON, or else the text itself. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** By date, time, model and size, as timm names them. */
function nameOf({ model, recipe }: TrainSettings): string {
  const now = new Date().toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15)
  return `${now}-${modelInfo(model).architecture}-${recipe.size}`
}
