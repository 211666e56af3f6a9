import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { saveChunks } from '@scanline/checkpoint/node'
import type { Recipe } from '@scanline/train'
import { explain, Failure } from '../failure.js'

/** Everything that decides what a run computes, as plain data: what `args.yaml` holds, and what a resume goes by. */
export interface TrainSettings {
  readonly data: string
  readonly trainSplit: string
  readonly valSplit: string
  readonly classMap?: string
  readonly model: string
  readonly modelConfig?: Readonly<Record<string, unknown>>
  readonly numClasses?: number
  /** The published weights, or a file, hub id or address, to start from. */
  readonly pretrained?: boolean
  readonly initFrom?: string
  /** With its values for this run. */
  readonly recipe: Recipe
  /** The first epoch without mixing; 0 for none. */
  readonly mixupOffEpoch: number
  readonly validationBatchSize: number
  readonly evalMetric: 'top1' | 'loss'
  readonly checkpointHist: number
  /** Updates between saves within an epoch; 0 for none. */
  readonly recoveryInterval: number
  readonly damaged: 'skip' | 'stop'
  readonly recompute?: 'blocks' | 'stages'
  readonly device: string
  readonly threads?: number
  readonly workers?: number
}

const file = 'args.yaml'

/** Writes `args.yaml`: one `name: value` a line, the values as JSON, which YAML includes. */
export function saveSettings(folder: string, settings: TrainSettings): Promise<void> {
  const text = Object.entries(settings).map(([name, value]) => (value === undefined ? '' : `${name}: ${JSON.stringify(value)}\n`))
  return saveChunks(join(folder, file), chunks(text.join('')))
}

/** Reads it back. Rejects with `Failure` where there is none. */
export async function readSettings(folder: string): Promise<TrainSettings> {
  const path = join(folder, file)
  const text = await readFile(path, 'utf8').catch((error) => {
    throw new Failure(`${folder} holds no training run (${explain(error)}); give the folder that \`train\` wrote`)
  })
  try {
    const entries = text
      .trim()
      .split(/\r?\n/)
      .map((line) => {
        const at = line.indexOf(':')
        return [line.slice(0, at), JSON.parse(line.slice(at + 1))] as const
      })
    return Object.fromEntries(entries) as unknown as TrainSettings
  } catch (error) {
    throw new Failure(`${path} is not as \`train\` wrote it (${explain(error)}); each line is a name, a colon and a JSON value`)
  }
}

export async function* chunks(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text)
}
