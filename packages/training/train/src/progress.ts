import type { EpochSummary } from '@scanline/metrics'
import { ArgumentError } from '@scanline/tensor'
import type { Kept } from './keep-policy.js'

interface RandomState {
  readonly seed: number
  readonly draws: number
}

/** Where a run stands, beside its tensors: what makes a resumed run go on to the same bits. */
export interface Progress {
  /** The epoch to go on with, from 0, and how many of its updates are done. */
  readonly epoch: number
  readonly updatesDone: number
  /** Of all epochs. */
  readonly updates: number
  /** Of dropout and drop path. */
  readonly random: RandomState
  /** Streams of the caller, such as that of mixing. */
  readonly streams: Readonly<Record<string, RandomState>>
  /** Sum of the losses of the epoch so far. */
  readonly lossSum: number
  readonly best: Kept | null
  readonly kept: readonly Kept[]
  /** A line for each epoch. */
  readonly summary: readonly EpochSummary[]
}

/** How a run begins. */
export const beginning = (random: RandomState): Progress => ({
  epoch: 0,
  updatesDone: 0,
  updates: 0,
  random,
  streams: {},
  lossSum: 0,
  best: null,
  kept: [],
  summary: [],
})

const version = 1

/** As text, for a checkpoint's metadata. */
export const formatProgress = (progress: Progress): string => JSON.stringify({ version, ...progress })

/** Throws `ArgumentError` for a text that is none, or of a newer version. */
export function parseProgress(text: string, where: string): Progress {
  const bad = (why: string): never => {
    throw new ArgumentError(`${where} does not hold the progress of a training run (${why}); take a file that training wrote`)
  }
  let value: Partial<Progress & { version: number }> | null = null
  try {
    value = JSON.parse(text)
  } catch {
    bad('it is no JSON')
  }
  if (value === null || typeof value !== 'object') return bad('it is no record')
  if (value.version !== version) return bad(`version ${value.version} instead of ${version}`)
  const counts = [value.epoch, value.updatesDone, value.updates, value.random?.seed, value.random?.draws]
  if (!counts.every((n) => Number.isSafeInteger(n) && (n as number) >= 0)) return bad('a count is missing or no whole number')
  if (typeof value.lossSum !== 'number' || !Array.isArray(value.kept) || !Array.isArray(value.summary) || !value.streams)
    return bad('a field is missing')
  const { version: _, ...progress } = value
  return progress as Progress
}
