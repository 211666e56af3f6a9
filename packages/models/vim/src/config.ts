import { ArgumentError } from '@scanline/tensor'
import type { VimMixerKind } from '@scanline/vim-mixer'

/** What a Vim is made of. Defaults are those of the published constructor, and together the tiny model. */
export interface VimConfig {
  /** Height and width of the images, or one number for both: 224. No other size can be run. */
  readonly imgSize?: number | readonly [number, number]
  /** 16. */
  readonly patchSize?: number
  /** Distance of neighbouring patches: 16. */
  readonly stride?: number
  /** Layers: 24. */
  readonly depth?: number
  /** Channels of a token: 192. */
  readonly embedDim?: number
  /** States of each channel of the scans: 16. */
  readonly stateDim?: number
  /** Channels of the image: 3. */
  readonly inChans?: number
  /** 1000; 0 leaves the classifier out. */
  readonly numClasses?: number
  /** Dropout behind the position table, in training mode: 0. */
  readonly dropRate?: number
  /** Drop path of the last layer, in training mode; it grows from 0 at the first one: 0. */
  readonly dropPathRate?: number
  /** Of every norm: 1e-5. */
  readonly normEps?: number
  /** RMS norms (true, the default) or layer norms. */
  readonly rmsNorm?: boolean
  /** A learned vector is added to each token: true. */
  readonly absPosEmbed?: boolean
  /** Rotates the tokens before each layer by angles of their row and column: false. */
  readonly rope?: boolean
  /** Rotates the residual too: false. */
  readonly ropeResidual?: boolean
  /** Side of the grid that the angles are scaled to: 14. */
  readonly ptSeqLen?: number
  /** Where class tokens are put in: `middle`. */
  readonly classToken?: 'middle' | 'front' | 'double' | 'none'
  /** What the head reads without class tokens, `last` token by default. `max` takes the maximum behind the classifier. */
  readonly finalPool?: 'last' | 'mean' | 'max' | 'all'
  /** `v2`. */
  readonly mixer?: VimMixerKind
  /** Halves the sum of both directions of a `v2` mixer: true. */
  readonly divideOut?: boolean
  /** Starting value of a factor for each channel of a mixer's output: none. */
  readonly layerScale?: number | undefined
  /** Layers work in pairs, the second on the reversed sequence: false. */
  readonly layerPairs?: boolean
  /** Probability of reversing the sequence: 0. At 1 it is always reversed, below that in training mode only. */
  readonly flipRatio?: number
  /** In training mode the class token is put between any two patches, the same for a whole batch; for `front` only: false. */
  readonly randomClassToken?: boolean
  /** In training mode the layers get all tokens in a random order, the same for a whole batch: false. */
  readonly shuffleTokens?: boolean
}

const defaults = {
  imgSize: 224,
  patchSize: 16,
  stride: 16,
  depth: 24,
  embedDim: 192,
  stateDim: 16,
  inChans: 3,
  numClasses: 1000,
  dropRate: 0,
  dropPathRate: 0,
  normEps: 1e-5,
  rmsNorm: true,
  absPosEmbed: true,
  rope: false,
  ropeResidual: false,
  ptSeqLen: 14,
  classToken: 'middle',
  finalPool: 'last',
  mixer: 'v2',
  divideOut: true,
  layerScale: undefined,
  layerPairs: false,
  flipRatio: 0,
  randomClassToken: false,
  shuffleTokens: false,
} as const satisfies VimConfig

export type ResolvedConfig = Required<Omit<VimConfig, 'imgSize'>> & { readonly imgSize: readonly [number, number] }

/** Defaults filled in. Throws `ArgumentError` for values out of range and combinations that no published model can run. */
export function resolveConfig(config: VimConfig): ResolvedConfig {
  const given = Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined))
  const merged = { ...(defaults as VimConfig), ...given } as Required<VimConfig>
  const { imgSize } = merged
  const resolved = { ...merged, imgSize: typeof imgSize === 'number' ? ([imgSize, imgSize] as const) : imgSize }
  const { patchSize, stride, depth, embedDim, inChans, numClasses, classToken, finalPool } = resolved
  const [height, width] = resolved.imgSize
  for (const [name, n] of Object.entries({ height, width, patchSize, stride, embedDim, inChans }))
    if (!Number.isInteger(n) || n < 1) throw new ArgumentError(`Vim needs a whole ${name} from 1, got ${n}`)
  for (const [name, n] of Object.entries({ depth, numClasses }))
    if (!Number.isInteger(n) || n < 0) throw new ArgumentError(`Vim needs a whole ${name} from 0, got ${n}`)
  if (height < patchSize || width < patchSize)
    throw new ArgumentError(
      `images of ${height} × ${width} are smaller than a patch of ${patchSize} × ${patchSize}; use larger ones`,
    )
  if (!['middle', 'front', 'double', 'none'].includes(classToken))
    throw new ArgumentError(`classToken "${classToken}" is unknown; there are "middle", "front", "double", "none"`)
  if (!['last', 'mean', 'max', 'all'].includes(finalPool))
    throw new ArgumentError(`finalPool "${finalPool}" is unknown; there are "last", "mean", "max", "all"`)
  if (resolved.randomClassToken && classToken !== 'front')
    throw new ArgumentError(`randomClassToken moves the one class token of classToken "front", got "${classToken}"`)
  if (resolved.layerPairs && depth % 2 !== 0) throw new ArgumentError(`layer pairs need an even depth, got ${depth}`)
  checkRope(resolved)
  return resolved
}

/** Patches in a column and in a row. */
export const gridOf = ({ imgSize, patchSize, stride }: Pick<ResolvedConfig, 'imgSize' | 'patchSize' | 'stride'>) =>
  imgSize.map((size) => Math.floor((size - patchSize) / stride) + 1) as [number, number]

export const classTokens = { none: 0, middle: 1, front: 1, double: 2 } as const

/** The rotation tables have one row for each patch of a square image cut without overlap; an odd sequence spares its first token. */
function checkRope(config: ResolvedConfig): void {
  if (!config.rope) return
  const { imgSize, patchSize, embedDim, classToken } = config
  const [h, w] = gridOf(config)
  const rows = Math.floor(imgSize[0] / patchSize) ** 2
  const tokens = h * w + classTokens[classToken]
  if (imgSize[0] !== imgSize[1] || rows !== tokens - (tokens % 2) || embedDim % 4 !== 0)
    throw new ArgumentError(
      `rotary tables need square images, stride = patch size, embedDim divisible by 4, and tokens as many as patches, or one more if that is odd; got ${imgSize.join(' × ')}, ${tokens} tokens for ${rows} rows, embedDim ${embedDim}`,
    )
}
