import type { ActivationName } from '@scanline/nn'
import { ArgumentError } from '@scanline/tensor'
import { checkPool, type GlobalPool } from './global-pool.js'

/** What a MambaOut is made of. Everything but depths and dims has the default of the official variants. */
export interface MambaOutConfig {
  /** Blocks of each stage; there are as many stages as entries. */
  readonly depths: readonly number[]
  /** Channels of each stage. */
  readonly dims: readonly number[]
  /** 1000; 0 leaves the classifier out. */
  readonly numClasses?: number
  /** Channels of the image: 3. */
  readonly inChans?: number
  /** Hidden channels of a block as a multiple of its own: 8/3. */
  readonly expansionRatio?: number
  /** Convolved channels of a block as a multiple of its own: 1. */
  readonly convRatio?: number
  /** Of the depthwise convolutions: 7. */
  readonly kernelSize?: number
  /** Of stem and blocks: `gelu`. The head has GELU always. */
  readonly act?: ActivationName
  /** A norm between the two convolutions of the stem: true. */
  readonly stemMidNorm?: boolean
  /** Between stages, convolution then norm (`conv`, the default) or norm then convolution (`conv_nf`). */
  readonly downsample?: 'conv' | 'conv_nf'
  /** With a norm in its hidden layer (`mlp`, the default) or without (`norm_mlp`). */
  readonly head?: 'mlp' | 'norm_mlp'
  /** Layer scale in the blocks, starting at this value: none. */
  readonly lsInit?: number
  /** `avg`. The `mlp` head takes every other value for no pooling, as timm does. */
  readonly globalPool?: GlobalPool
  /** Dropout before the classifier, in training mode: 0. */
  readonly headDropout?: number
  /** Drop path of the last block, in training mode; it grows from 0 at the first one: 0. */
  readonly dropPathRate?: number
}

const defaults = {
  numClasses: 1000,
  inChans: 3,
  expansionRatio: 8 / 3,
  convRatio: 1,
  kernelSize: 7,
  act: 'gelu',
  stemMidNorm: true,
  downsample: 'conv',
  head: 'mlp',
  globalPool: 'avg',
  headDropout: 0,
  dropPathRate: 0,
} as const satisfies Omit<MambaOutConfig, 'depths' | 'dims' | 'lsInit'>

export type ResolvedConfig = Required<Omit<MambaOutConfig, 'lsInit'>> & { readonly lsInit: number | undefined }

/** Defaults filled in. Throws `ArgumentError` for values out of range. */
export function resolveConfig(config: MambaOutConfig): ResolvedConfig {
  const given = Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined))
  const resolved: ResolvedConfig = { ...defaults, lsInit: undefined, ...(given as unknown as MambaOutConfig) }
  const { depths, dims, numClasses, inChans, downsample, head, globalPool, dropPathRate, headDropout } = resolved
  const whole = (low: number) => (n: number) => Number.isInteger(n) && n >= low
  if (depths.length === 0 || depths.length !== dims.length || !depths.every(whole(0)) || !dims.every(whole(1)))
    throw new ArgumentError(
      `MambaOut needs one depth and one width for each stage, got depths [${depths.join(', ')}] and dims [${dims.join(', ')}]`,
    )
  if (!whole(0)(numClasses) || !whole(1)(inChans))
    throw new ArgumentError(`numClasses must be a whole number from 0 and inChans from 1, got ${numClasses} and ${inChans}`)
  // Here, as a layer would say it only when part of the weights are allocated.
  for (const rate of [dropPathRate, headDropout])
    if (!(rate >= 0 && rate <= 1)) throw new ArgumentError(`dropPathRate and headDropout must lie between 0 and 1, got ${rate}`)
  if (downsample !== 'conv' && downsample !== 'conv_nf')
    throw new ArgumentError(`downsample "${downsample}" is unknown; there are "conv", "conv_nf"`)
  if (head !== 'mlp' && head !== 'norm_mlp') throw new ArgumentError(`head "${head}" is unknown; there are "mlp", "norm_mlp"`)
  checkPool(globalPool)
  return resolved
}
