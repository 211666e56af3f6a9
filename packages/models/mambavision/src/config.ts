import { ArgumentError } from '@scanline/tensor'

/** What the patch embedding and the four levels are made of. */
export interface TrunkConfig {
  /** Channels of the first level; each further level has twice as many. */
  readonly dim: number
  /** Channels between the two convolutions of the patch embedding. */
  readonly inDim: number
  /** Blocks of the four levels. */
  readonly depths: readonly number[]
  /** Heads of the attention, by level; those of the first two are unused. */
  readonly numHeads: readonly number[]
  /** Side of the windows, by level; those of the first two are unused. */
  readonly windowSize: readonly number[]
  /** Hidden channels of the feed-forward parts as a multiple of the level's own: 4. */
  readonly mlpRatio?: number
  /** Channels of the image: 3. */
  readonly inChans?: number
  /** Biases for queries, keys and values: true. */
  readonly qkvBias?: boolean
  /** Layer norms of queries and keys, which `qk_scale` turns on in the published constructor: false. */
  readonly qkNorm?: boolean
  /** Start value of the layer scale of the token blocks (levels 2 and 3): none. */
  readonly layerScale?: number
  /** Start value of the layer scale of the convolutional blocks (levels 0 and 1): none. */
  readonly layerScaleConv?: number
  /** Drop path of the last block, in training mode; it grows from 0 at the first one. 0.2 unless a variant says otherwise. */
  readonly dropPathRate?: number
  /** Dropout within the token blocks, in training mode: 0. */
  readonly dropRate?: number
  /** Dropout of attention weights, in training mode: 0. */
  readonly attnDropRate?: number
}

export interface MambaVisionConfig extends TrunkConfig {
  /** 1000; 0 leaves the classifier out. */
  readonly numClasses?: number
}

const defaults = {
  mlpRatio: 4,
  inChans: 3,
  qkvBias: true,
  qkNorm: false,
  dropPathRate: 0.2,
  dropRate: 0,
  attnDropRate: 0,
} as const

type Scales = 'layerScale' | 'layerScaleConv'
export type ResolvedConfig = Required<Omit<TrunkConfig, Scales>> & { readonly [name in Scales]: number | undefined }

const whole = (low: number) => (n: number) => Number.isInteger(n) && n >= low

/** Defaults filled in. Throws `ArgumentError` for values out of range. */
export function resolveConfig(config: TrunkConfig): ResolvedConfig {
  const given = Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined))
  const resolved: ResolvedConfig = {
    ...defaults,
    layerScale: undefined,
    layerScaleConv: undefined,
    ...(given as unknown as TrunkConfig),
  }
  const { dim, inDim, inChans, depths, numHeads, windowSize } = resolved
  const fits =
    depths.length === 4 && depths.every(whole(0)) && [numHeads, windowSize].every((l) => l.length === 4 && l.every(whole(1)))
  if (!fits)
    throw new ArgumentError(
      `MambaVision has four levels: give each a depth, heads and a window; got depths [${depths.join(', ')}], numHeads [${numHeads.join(', ')}], windowSize [${windowSize.join(', ')}]`,
    )
  if (![dim, inDim, inChans].every(whole(1)))
    throw new ArgumentError(`dim, inDim and inChans must be whole numbers from 1, got ${dim}, ${inDim} and ${inChans}`)
  return resolved
}

/** The number of classes, 1000 unless given. Throws `ArgumentError` for a number that is none. */
export function checkClasses(numClasses = 1000): number {
  if (whole(0)(numClasses)) return numClasses
  throw new ArgumentError(`numClasses must be a whole number from 0, got ${numClasses}`)
}
