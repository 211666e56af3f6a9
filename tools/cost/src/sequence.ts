import { ArgumentError } from '@scanline/tensor'
import { listModels, modelInfo } from '@scanline/zoo'
import { type CountOptions, familyOf, modelNames, recordModel } from './count.js'
import type { Size } from './families.js'
import { isLongSequence, longSequenceThreshold } from './transformer.js'

/** The three tasks that the question is asked for in arXiv 2405.07992. */
export const tasks = [
  { name: 'classification', form: 'classifier', size: [224, 224] },
  { name: 'detection', form: 'detection', size: [800, 1280] },
  { name: 'segmentation', form: 'segmentation', size: [512, 2048] },
] as const
export type Task = (typeof tasks)[number]['name']

/** One stage of a model at one task. */
export interface StageSequence {
  /** Pixels of the image for one of the stage's map, along each side. */
  readonly stride: number
  /** Channels of a token: D. */
  readonly width: number
  /** Positions of the map, class tokens included: L. */
  readonly tokens: number
  /** What attention or scan of the stage sees where that is not L: a window, or with the padding that completes one. */
  readonly mixed?: number
  /** 6 D. */
  readonly threshold: number
  /** L / 6 D: the quadratic part of a transformer block of this width over the rest. */
  readonly ratio: number
  readonly long: boolean
}

/** Models with the same widths and sequences. */
export interface ModelSequences {
  readonly models: readonly string[]
  readonly family: string
  readonly tasks: Readonly<Record<Task, readonly StageSequence[]>>
}

/** Architectures with published weights in the zoo: variants that are there for tests or experiments are left out. */
function publishedModels(): string[] {
  const withWeights = new Set(listModels('*', { pretrained: true }).map((name) => modelInfo(name).architecture))
  return modelNames().filter((model) => withWeights.has(model))
}

/** The longest sequence that attention or scans of each stage mix; stages are numbered in the modules' paths. */
function mixedLengths(model: string, options: CountOptions, stages: number): Map<number, number> {
  const found = new Map<number, number>()
  for (const { op, inputs, path } of recordModel(model, options).record.calls) {
    if (op.name !== 'attention' && op.name !== 'selectiveScan') continue
    const stage = stages === 1 ? 0 : Number(/\d+/.exec(path)?.[0])
    found.set(stage, Math.max(found.get(stage) ?? 0, inputs[0].shape[inputs[0].shape.length - 2]))
  }
  return found
}

/** Tokens and width of each stage of a model for images of a size. */
export function stageSequences(model: string, options: Required<Pick<CountOptions, 'form' | 'size'>>): StageSequence[] {
  const { size } = options
  // The maps are what a detector builds on, whatever the task.
  const { record } = recordModel(model, { form: 'detection', size })
  const mixed = mixedLengths(model, options, record.outputs.length)
  return record.outputs.map(({ shape: [, h, w, width] }, i) => {
    const seen = mixed.get(i)
    const classToken = seen === h * w + 1 ? 1 : 0
    const tokens = h * w + classToken
    return {
      stride: strideOf(size, h),
      width,
      tokens,
      ...(seen !== undefined && seen !== tokens && { mixed: seen }),
      threshold: longSequenceThreshold(width),
      ratio: tokens / longSequenceThreshold(width),
      long: isLongSequence(width, tokens),
    }
  })
}

/** Maps have about size / stride rows: all round up but Vim's overlapping patches, which lose some at the edge. */
const strideOf = ([height]: Size, rows: number): number => 2 ** Math.round(Math.log2(height / rows))

export interface SequenceStudy {
  readonly groups: readonly ModelSequences[]
  /** Models that do not take the images of a task, and why: rotary tables are for square ones. */
  readonly leftOut: readonly { readonly model: string; readonly why: string }[]
}

/** Where the published models stand at the three tasks, those that are alike taken together. */
export function sequenceStudy(
  models: readonly string[] = publishedModels(),
  progress: (model: string) => void = () => {},
): SequenceStudy {
  const groups = new Map<string, { models: string[]; family: string; tasks: ModelSequences['tasks'] }>()
  const leftOut: { model: string; why: string }[] = []
  for (const model of models) {
    progress(model)
    try {
      const found = Object.fromEntries(tasks.map(({ name, form, size }) => [name, stageSequences(model, { form, size })]))
      const key = JSON.stringify(found)
      const known = groups.get(key)
      if (known) known.models.push(model)
      else groups.set(key, { models: [model], family: familyOf(model).name, tasks: found as unknown as ModelSequences['tasks'] })
    } catch (error) {
      if (!(error instanceof ArgumentError)) throw error
      leftOut.push({ model, why: error.message })
    }
  }
  return { groups: [...groups.values()], leftOut }
}
