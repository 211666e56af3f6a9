import type { Linear } from '@scanline/nn'
import { add, mul, reshape, scope, slice, softmax, type Tensor } from '@scanline/tensor'

/** Multi-stage fusion: the sum over i of softmax(weights)_i · heads_i(vectors_i). */
export const fuseLogits = (weights: Tensor, heads: readonly Linear[], vectors: readonly Tensor[]): Tensor =>
  scope(() => {
    const shares = softmax(weights)
    const parts = vectors.map((vector, i) => mul(heads[i].forward(vector), reshape(slice(shares, 0, i, i + 1), [1, 1])))
    return parts.reduce((sum, part) => add(sum, part))
  })
