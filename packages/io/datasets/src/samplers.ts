import { DatasetError } from './errors.js'
import { streamFor } from './streams.js'

/** One rank's samples of an epoch, in order. */
export interface Order {
  /** Positions in the data set. */
  readonly indices: Uint32Array
  /** Positions in the order of all ranks together: what random streams are made from. */
  readonly places: Uint32Array
}

/** Which of the processes that share an epoch this is. */
export interface Rank {
  /** Default 1. */
  readonly world?: number
  /** From 0. Default 0. */
  readonly rank?: number
}

export interface RepeatOptions extends Rank {
  /** How often each sample occurs in a row; fractions are allowed. Default 3. */
  readonly repeats?: number
  /** An epoch is the largest multiple of this that the data set holds, spread over the ranks; 0 takes all. Default 256. */
  readonly round?: number
}

/** 0 … length - 1 in random order, a function of seed and epoch. */
export function shuffledIndices(length: number, seed: number, epoch: number): Uint32Array {
  const generator = streamFor('shuffle', seed, epoch)
  const indices = Uint32Array.from({ length }, (_, i) => i)
  for (let i = length - 1; i > 0; i--) {
    const j = Math.floor(generator.uniform() * (i + 1))
    const kept = indices[i]!
    indices[i] = indices[j]!
    indices[j] = kept
  }
  return indices
}

/**
 * What a rank visits: the list, padded with its own beginning to a multiple of `world`, every `world`-th entry.
 * PyTorch's DistributedSampler and timm's OrderedDistributedSampler. Specification: training 9.
 */
export function rankShare(list: Uint32Array, { world = 1, rank = 0 }: Rank = {}): Order {
  checkRank(world, rank)
  const count = Math.ceil(list.length / world)
  const places = Uint32Array.from({ length: count }, (_, i) => rank + i * world)
  return { indices: places.map((place) => list[place % list.length]!), places }
}

/**
 * Repeated augmentation (Hoffer et al., 2020): every sample several times in a row, so that the copies are on different
 * ranks, and only as many as one epoch has. Vim's and timm's samplers. Specification: training 9.
 */
export function repeatedShare(list: Uint32Array, { repeats = 3, round = 256, world = 1, rank = 0 }: RepeatOptions = {}): Order {
  if (!(repeats >= 1)) throw new DatasetError('argument', `Samples are repeated at least once, not ${repeats} times.`)
  const repeated = Uint32Array.from({ length: Math.ceil(repeats * list.length) }, (_, i) => list[Math.floor(i / repeats)]!)
  const selected = selectedCount(list.length, round, world)
  const { indices, places } = rankShare(repeated, { world, rank })
  return { indices: indices.subarray(0, selected), places: places.subarray(0, selected) }
}

const selectedCount = (length: number, round: number, world: number): number =>
  round === 0 ? Math.ceil(length / world) : Math.floor((Math.floor(length / round) * round) / world)

function checkRank(world: number, rank: number): void {
  if (!Number.isInteger(world) || world < 1 || !Number.isInteger(rank) || rank < 0 || rank >= world)
    throw new DatasetError('argument', `rank ${rank} of ${world} is none; ranks are whole numbers from 0 to world - 1.`)
}

/** In which order an epoch visits the data set. */
export type Sampler = 'shuffled' | 'sequential' | { readonly repeats: number; readonly round?: number }

/** The order of one epoch. */
export function epochOrder(length: number, sampler: Sampler, seed: number, epoch: number, rank: Rank = {}): Order {
  if (sampler === 'sequential')
    return rankShare(
      Uint32Array.from({ length }, (_, i) => i),
      rank,
    )
  const list = shuffledIndices(length, seed, epoch)
  return sampler === 'shuffled' ? rankShare(list, rank) : repeatedShare(list, { ...sampler, ...rank })
}

/** How many samples an epoch of {@link epochOrder} has. */
export function orderLength(length: number, sampler: Sampler, { world = 1, rank = 0 }: Rank = {}): number {
  checkRank(world, rank)
  if (typeof sampler === 'string') return Math.ceil(length / world)
  const { repeats, round = 256 } = sampler
  return Math.min(selectedCount(length, round, world), Math.ceil(Math.ceil(repeats * length) / world))
}
