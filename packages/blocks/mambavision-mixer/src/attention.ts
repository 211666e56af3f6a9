import { Dropout, LayerNorm, Linear, Module, type ModuleOptions } from '@scanline/nn'
import {
  ArgumentError,
  matmul,
  mul,
  permute,
  type RandomStreams,
  reshape,
  ShapeError,
  scaledDotProductAttention,
  scope,
  softmax,
  split,
  type Tensor,
  transpose,
} from '@scanline/tensor'

export interface AttentionOptions extends ModuleOptions {
  /** Must divide the channels: 8. */
  readonly numHeads?: number
  /** Biases for queries, keys and values: true. */
  readonly qkvBias?: boolean
  /** Layer norms of queries and keys, over each head: false. */
  readonly qkNorm?: boolean
  /** Probability of dropping an attention weight, in training mode: 0. */
  readonly attnDropout?: number
  /** Probability of dropping an output, in training mode: 0. */
  readonly dropout?: number
}

/** Multi-head self-attention of [N, L, dim] over L, without mask or position bias (arXiv 1706.03762). */
export class Attention extends Module {
  readonly qkv: Linear
  readonly qNorm: LayerNorm | undefined
  readonly kNorm: LayerNorm | undefined
  readonly attnDropout: Dropout | undefined
  readonly proj: Linear
  readonly dropout: Dropout | undefined
  readonly numHeads: number

  /** Throws `ArgumentError` for heads that do not divide the channels. */
  constructor(
    dim: number,
    { numHeads = 8, qkvBias = true, qkNorm = false, attnDropout = 0, dropout = 0, ...options }: AttentionOptions,
  ) {
    super()
    if (!Number.isInteger(numHeads) || numHeads < 1 || dim % numHeads !== 0)
      throw new ArgumentError(`attention divides its ${dim} channels among the heads; ${numHeads} heads do not divide them`)
    const headNorm = (): LayerNorm | undefined => (qkNorm ? new LayerNorm(dim / numHeads, options) : undefined)
    this.qkv = new Linear(dim, 3 * dim, { bias: qkvBias, ...options })
    this.qNorm = headNorm()
    this.kNorm = headNorm()
    this.attnDropout = attnDropout > 0 ? new Dropout(attnDropout) : undefined
    this.proj = new Linear(dim, dim, options)
    this.dropout = dropout > 0 ? new Dropout(dropout) : undefined
    this.numHeads = numHeads
  }
  protected override get details(): string {
    return `${this.numHeads} heads`
  }

  /** [N, L, dim] → the same shape. Throws `ShapeError`; `ArgumentError` in training mode with dropout and without `random`. */
  forward(x: Tensor, random?: RandomStreams): Tensor {
    const dim = this.proj.inFeatures
    if (x.rank !== 3 || x.shape[2] !== dim) throw new ShapeError(`this attention needs tokens [N, L, ${dim}], got ${x}`)
    const [n, length] = x.shape
    return scope(() => {
      const [q, k, v] = split(this.qkv.forward(x), [dim, dim, dim]).map((part) =>
        permute(reshape(part, [n, length, this.numHeads, dim / this.numHeads]), [0, 2, 1, 3]),
      )
      const heads = this.attend(this.qNorm ? this.qNorm.forward(q) : q, this.kNorm ? this.kNorm.forward(k) : k, v, random)
      const y = this.proj.forward(reshape(permute(heads, [0, 2, 1, 3]), [n, length, dim]))
      return this.dropout ? this.dropout.forward(y, random) : y
    })
  }

  private attend(q: Tensor, k: Tensor, v: Tensor, random: RandomStreams | undefined): Tensor {
    if (!this.attnDropout || !this.training) return scaledDotProductAttention(q, k, v)
    const weights = softmax(matmul(mul(q, q.shape[3] ** -0.5), transpose(k)))
    return matmul(this.attnDropout.forward(weights, random), v)
  }
}
