import { DropPath, fillConstant, LayerNorm, Mlp, Module, type ModuleOptions, parameter } from '@scanline/nn'
import { add, mul, type RandomStreams, scope, type Tensor } from '@scanline/tensor'
import { Attention } from './attention.js'
import { MambaVisionMixer } from './mixer.js'

export interface MambaVisionBlockOptions extends ModuleOptions {
  /** What mixes tokens. */
  readonly mixer: 'scan' | 'attention'
  /** Of the attention: 8. */
  readonly numHeads?: number
  /** Hidden channels of the feed-forward part as a multiple of `dim`, truncated: 4. */
  readonly mlpRatio?: number
  /** Biases for queries, keys and values: true. */
  readonly qkvBias?: boolean
  /** Layer norms of queries and keys: false. */
  readonly qkNorm?: boolean
  /** Start value of one factor per channel on both branches; without it there are none. */
  readonly layerScale?: number | undefined
  /** Probability of skipping a branch for a sequence, in training mode: 0. */
  readonly dropPath?: number
  /** Probability of dropping a value of the attention's output and within the feed-forward part, in training mode: 0. */
  readonly dropout?: number
  /** Probability of dropping an attention weight, in training mode: 0. */
  readonly attnDropout?: number
}

/**
 * The token block of MambaVision (arXiv 2407.08083): x + mixer(norm1(x)), then x + mlp(norm2(x)), where the mixer is a
 * `MambaVisionMixer` or an `Attention`.
 *
 * @example
 * const block = new MambaVisionBlock(32, { mixer: 'attention', numHeads: 4, device, generator: new Generator(0) }).eval()
 * const y = block.forward(partitionWindows(zeros([1, 14, 14, 32], { device }), 7)) // [4, 49, 32]
 */
export class MambaVisionBlock extends Module {
  gamma_1: Tensor | undefined
  gamma_2: Tensor | undefined
  readonly norm1: LayerNorm
  readonly mixer: MambaVisionMixer | Attention
  readonly norm2: LayerNorm
  readonly mlp: Mlp
  readonly dropPath: DropPath | undefined

  constructor(
    dim: number,
    {
      mixer,
      numHeads = 8,
      mlpRatio = 4,
      qkvBias = true,
      qkNorm = false,
      layerScale,
      dropPath = 0,
      dropout = 0,
      attnDropout = 0,
      ...options
    }: MambaVisionBlockOptions,
  ) {
    super()
    if (layerScale !== undefined) {
      this.gamma_1 = parameter([dim], options)
      this.gamma_2 = parameter([dim], options)
      if (options.generator) for (const gamma of [this.gamma_1, this.gamma_2]) fillConstant(gamma, layerScale)
    }
    this.norm1 = new LayerNorm(dim, options)
    this.mixer =
      mixer === 'scan'
        ? new MambaVisionMixer(dim, options)
        : new Attention(dim, { numHeads, qkvBias, qkNorm, attnDropout, dropout, ...options })
    this.norm2 = new LayerNorm(dim, options)
    this.mlp = new Mlp(dim, Math.trunc(mlpRatio * dim), { dropout, ...options })
    this.dropPath = dropPath > 0 ? new DropPath(dropPath) : undefined
  }

  /** [N, L, dim] → the same shape. Throws `ShapeError`; `ArgumentError` in training mode with dropping and without `random`. */
  forward(x: Tensor, random?: RandomStreams): Tensor {
    const branch = (y: Tensor, gamma: Tensor | undefined): Tensor => {
      const scaled = gamma ? mul(gamma, y) : y
      return this.dropPath ? this.dropPath.forward(scaled, random) : scaled
    }
    return scope(() => {
      const mixed = add(x, branch(this.mixer.forward(this.norm1.forward(x), random), this.gamma_1))
      return add(mixed, branch(this.mlp.forward(this.norm2.forward(mixed), random), this.gamma_2))
    })
  }
}
