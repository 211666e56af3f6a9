import { ArgumentError } from '@scanline/tensor'

/** What the stem and the stages are made of. Defaults are those of the published constructor. */
export interface BackboneConfig {
  /** Channels of each stage: [128, 256, 512]. */
  readonly embedDim?: readonly number[]
  /** Blocks of each stage: [2, 2, 2]. */
  readonly depths?: readonly number[]
  /** States of the mixers of each stage: [49, 25, 9]. */
  readonly stateDim?: readonly number[]
  /** Channels of the image: 3. */
  readonly inChans?: number
  /** Hidden channels of the feed-forward part as a multiple of the block's own: 4. */
  readonly mlpRatio?: number
  /** Gated channels of the mixer as a multiple of the block's own: 1. */
  readonly ssdExpand?: number
  /** Drop path of the last block, in training mode; it grows from 0 at the first one: 0. */
  readonly dropPathRate?: number
}

export interface EfficientViMConfig extends BackboneConfig {
  /** 1000; 0 leaves the classifier out. */
  readonly numClasses?: number
  /** A second set of classifiers, trained by a teacher: false. */
  readonly distillation?: boolean
}

export type ResolvedConfig = Required<EfficientViMConfig>

const defaults: ResolvedConfig = {
  embedDim: [128, 256, 512],
  depths: [2, 2, 2],
  stateDim: [49, 25, 9],
  inChans: 3,
  mlpRatio: 4,
  ssdExpand: 1,
  dropPathRate: 0,
  numClasses: 1000,
  distillation: false,
}

const whole = (low: number) => (n: number) => Number.isInteger(n) && n >= low

/** Throws `ArgumentError` for what is no number of classes. */
export function checkClasses(numClasses: number): number {
  if (whole(0)(numClasses)) return numClasses
  throw new ArgumentError(`numClasses must be a whole number from 0, got ${numClasses}`)
}

/** Defaults filled in. Throws `ArgumentError` for values out of range. */
export function resolveConfig(config: EfficientViMConfig): ResolvedConfig {
  const given = Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined))
  const resolved: ResolvedConfig = { ...defaults, ...given }
  const { embedDim, depths, stateDim, numClasses, inChans, dropPathRate } = resolved
  const lists = [embedDim, depths, stateDim]
  if (embedDim.length === 0 || lists.some((l) => l.length !== embedDim.length || !l.every(whole(1))) || !(embedDim[0] >= 8))
    throw new ArgumentError(
      `EfficientViM needs one width (the first at least 8), depth and number of states from 1 for each stage, got embedDim [${embedDim.join(', ')}], depths [${depths.join(', ')}], stateDim [${stateDim.join(', ')}]`,
    )
  checkClasses(numClasses)
  if (!whole(1)(inChans)) throw new ArgumentError(`inChans must be a whole number from 1, got ${inChans}`)
  if (!(dropPathRate >= 0 && dropPathRate <= 1))
    throw new ArgumentError(`dropPathRate must lie between 0 and 1, got ${dropPathRate}`)
  return resolved
}
