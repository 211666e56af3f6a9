/// <reference types="node" />
import { access, copyFile, link, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type DType, type TensorData, tensorData, toTypedArray } from '@scanline/checkpoint'
import { openCheckpointFile, saveChunks, saveSafetensors } from '@scanline/checkpoint/node'
import { summaryHeader, summaryLine } from '@scanline/metrics'
import { ArgumentError, type Tensor, type Tree, type TypedArray } from '@scanline/tensor'
import type { SaveRequest } from './fit.js'
import { formatProgress, type Progress, parseProgress } from './progress.js'
import type { TrainStep } from './train-step.js'

const last = 'last.safetensors'
const best = 'best.safetensors'
const progressKey = 'scanline_training'
const fileOf = (epoch: number): string => `checkpoint-${epoch}.safetensors`

/**
 * The folder of a training run: `last.safetensors` (everything that a resume needs), `checkpoint-<epoch>.safetensors` of
 * the epochs that stay, `best.safetensors` (weights alone, as evaluated, to load anywhere) and `summary.csv`. Every file
 * appears whole or not at all, and nothing is removed before what replaces it is on the disk.
 */
export class RunFolder<Outputs extends Tree = Tensor> {
  readonly path: string
  readonly #step: TrainStep<Outputs>

  private constructor(path: string, step: TrainStep<Outputs>) {
    this.path = path
    this.#step = step
  }

  /** Makes the folder if it is not there, and clears away what an interrupted write left in it. */
  static async open<Outputs extends Tree>(path: string, step: TrainStep<Outputs>): Promise<RunFolder<Outputs>> {
    await mkdir(path, { recursive: true })
    for (const name of await readdir(path)) if (/^\..*\.tmp$/.test(name)) await rm(join(path, name), { force: true })
    return new RunFolder(path, step)
  }

  /**
   * Where the saved run in a folder stands, without its tensors: for creating its streams. Undefined where there is none.
   * Rejects with `ArgumentError` for another file, and with `CheckpointError` for a damaged one.
   */
  static async progress(path: string): Promise<Progress | undefined> {
    if (!(await exists(join(path, last)))) return undefined
    const checkpoint = await openCheckpointFile(join(path, last))
    try {
      return progressOf(checkpoint.metadata.get(progressKey), join(path, last))
    } finally {
      await checkpoint.close()
    }
  }

  /**
   * Restores the tensors of the step from the last save, and gives where it stood; undefined where nothing was saved.
   * Rejects as `progress` does, and with `ArgumentError` before anything changes when the tensors are not those of this step.
   */
  async load(): Promise<Progress | undefined> {
    const path = join(this.path, last)
    if (!(await exists(path))) return undefined
    const checkpoint = await openCheckpointFile(path)
    try {
      const progress = progressOf(checkpoint.metadata.get(progressKey), path)
      const values = new Map<string, { shape: readonly number[]; dtype: string; data: TypedArray }>()
      for (const [name, entry] of checkpoint.tensors)
        values.set(name, {
          shape: entry.shape,
          dtype: entry.dtype,
          data: toTypedArray(await entry.read(), entry.dtype) as TypedArray,
        })
      this.#step.state.restore(values)
      await this.#prune(progress)
      return progress
    } finally {
      await checkpoint.close()
    }
  }

  /**
   * What `fit` calls. Rejects with `CheckpointError` when the disk is full; earlier files stay.
   *
   * `last` is written when everything else of its epoch is there: a run that is killed before does the epoch once more and
   * writes the same files again.
   */
  readonly save = async ({ progress, actions }: SaveRequest): Promise<void> => {
    const at = (name: string): string => join(this.path, name)
    const { state } = this.#step
    const whole = async (name: string): Promise<void> =>
      saveSafetensors(at(name), await read(state.named()), { format: 'pt', [progressKey]: formatProgress(progress) })
    if (!actions) return whole(last)
    if (actions.best) {
      const weights = state.averages.length > 0 ? state.averages : [...state.parameters, ...state.buffers]
      await saveSafetensors(at(best), await read(weights))
    }
    const { summary } = progress
    const [head] = summary
    if (head) await saveChunks(at('summary.csv'), text([summaryHeader(head), ...summary.map(summaryLine)]))
    if (actions.keep) {
      const own = fileOf(progress.epoch - 1)
      await whole(own)
      await this.#share(own, last)
    } else await whole(last)
    await syncFolder(this.path)
    for (const epoch of actions.remove) await rm(at(fileOf(epoch)), { force: true })
  }

  /** Files of epochs that were to go when the run was killed. */
  async #prune({ kept }: Progress): Promise<void> {
    for (const name of await readdir(this.path)) {
      const epoch = /^checkpoint-(\d+)\.safetensors$/.exec(name)?.[1]
      if (epoch !== undefined && !kept.some((one) => one.epoch === Number(epoch)))
        await rm(join(this.path, name), { force: true })
    }
  }

  /** The same bytes under another name: a link where the file system has them. */
  async #share(from: string, to: string): Promise<void> {
    const temporary = join(this.path, `.${to}.tmp`)
    await rm(temporary, { force: true })
    await link(join(this.path, from), temporary).catch(() => copyFile(join(this.path, from), temporary))
    await rename(temporary, join(this.path, to))
  }
}

function progressOf(text: string | undefined, path: string): Progress {
  if (text === undefined)
    throw new ArgumentError(`${path} holds weights and no training run; take it as the weights to start from, or another folder`)
  return parseProgress(text, path)
}

async function read(tensors: Iterable<readonly [string, Tensor]>): Promise<[string, TensorData][]> {
  const entries: [string, TensorData][] = []
  for (const [name, tensor] of tensors)
    entries.push([
      name,
      tensorData(tensor.dtype as DType, tensor.shape, (await tensor.data()) as Parameters<typeof tensorData>[2]),
    ])
  return entries
}

async function* text(lines: readonly string[]): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(lines.join(''))
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

/** So that renames outlive a power failure too; some systems cannot open folders. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined)
  try {
    await folder?.sync()
  } catch {
    // Not every file system can.
  } finally {
    await folder?.close()
  }
}
