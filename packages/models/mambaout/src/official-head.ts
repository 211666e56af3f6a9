import { type ActivationName, activation, Dropout, LayerNorm, Linear, Module } from '@scanline/nn'
import { type RandomStreams, scope, type Tensor } from '@scanline/tensor'
import type { HeadOptions } from './head.js'

/**
 * The official MlpHead, on pooled and normalised vectors [N, C], under its own names: fc1 → activation → norm → dropout →
 * fc2. `MambaOut` itself has `MlpHead`, which computes the same.
 */
export class OfficialMlpHead extends Module {
  readonly fc1: Linear
  readonly norm: LayerNorm
  readonly fc2: Linear
  readonly dropout: Dropout | undefined
  readonly act: ActivationName

  constructor(
    dim: number,
    numClasses: number,
    { act = 'gelu', hiddenSize = 4 * dim, dropout = 0, ...options }: Omit<HeadOptions, 'globalPool'>,
  ) {
    super()
    activation(act)
    this.fc1 = new Linear(dim, hiddenSize, options)
    this.norm = new LayerNorm(hiddenSize, { eps: 1e-6, ...options })
    this.fc2 = new Linear(hiddenSize, numClasses, options)
    this.dropout = dropout > 0 ? new Dropout(dropout) : undefined
    this.act = act
  }
  forward(x: Tensor, random?: RandomStreams): Tensor {
    return scope(() => {
      const y = this.norm.forward(activation(this.act)(this.fc1.forward(x)))
      return this.fc2.forward(this.dropout ? this.dropout.forward(y, random) : y)
    })
  }
}
