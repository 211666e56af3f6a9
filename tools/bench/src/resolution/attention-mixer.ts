import type { ModuleOptions } from '@scanline/nn'
import {
  matmul,
  mul,
  permute,
  reshape,
  scaledDotProductAttention,
  scope,
  silu,
  softmax,
  split,
  type Tensor,
  transpose,
} from '@scanline/tensor'
import type { Vim } from '@scanline/vim'
import { VimMixer } from '@scanline/vim-mixer'

/** `tiled`: the op, whose memory is linear in the length. `whole`: softmax(q kᵀ) v step by step, all scores kept at once. */
export type AttentionKind = 'tiled' | 'whole'

/** Channels of a head: as in DeiT. */
const headDim = 64

/**
 * Vim's mixer with softmax attention in place of both scans, on the same inner channels in heads of 64: queries are what the
 * forward convolution gives, keys what the backward one gives, values the channels before them. Projections into and out of
 * the mixer, convolutions and gate stay; what only feeds the scans (step sizes, B, C, D) goes.
 */
class AttentionMixer extends VimMixer {
  readonly attention: AttentionKind

  constructor(dim: number, attention: AttentionKind, options: ModuleOptions) {
    super(dim, options)
    this.attention = attention
  }
  override forward(tokens: Tensor): Tensor {
    return scope(() => {
      const inner = this.outProj.inFeatures
      const [x, z] = split(this.inProj.forward(tokens), [inner, inner])
      const [q, k, v] = [this.scanInputs(x).u, this.scanInputs(x, true).u, x].map(toHeads)
      const y = this.attention === 'tiled' ? scaledDotProductAttention(q, k, v) : wholeAttention(q, k, v)
      return this.outProj.forward(mul(reshape(permute(y, [0, 2, 1, 3]), x.shape), silu(z)))
    })
  }
}

/** [N, L, E] → [N, E / 64, L, 64]. */
function toHeads(x: Tensor): Tensor {
  const [n, length, inner] = x.shape
  return permute(reshape(x, [n, length, inner / headDim, headDim]), [0, 2, 1, 3])
}

const wholeAttention = (q: Tensor, k: Tensor, v: Tensor): Tensor =>
  matmul(softmax(matmul(mul(q, headDim ** -0.5), transpose(k))), v)

/** Replaces the mixers of a Vim, whose inner channels must be a multiple of 64. */
export function vimWithAttention(model: Vim, attention: AttentionKind, options: ModuleOptions): void {
  for (const layer of model.layers as { mixer: VimMixer }[]) {
    const { inFeatures } = layer.mixer.inProj
    layer.mixer.dispose()
    layer.mixer = new AttentionMixer(inFeatures, attention, options)
  }
}
