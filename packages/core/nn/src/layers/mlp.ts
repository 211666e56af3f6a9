import { gelu, type RandomStreams, scope, type Tensor } from '@scanline/tensor'
import { Module, type ModuleOptions } from '../module.js'
import { Dropout } from './dropout.js'
import { Linear } from './linear.js'

export interface MlpOptions extends ModuleOptions {
  /** Probability of dropping a value, hidden or output, in training mode. 0 unless told otherwise. */
  readonly dropout?: number
}

/** The feed-forward part of a transformer block: fc1 → GELU → fc2, over the last axis. */
export class Mlp extends Module {
  readonly fc1: Linear
  readonly fc2: Linear
  readonly dropout: Dropout | undefined

  constructor(dim: number, hidden: number, { dropout = 0, ...options }: MlpOptions) {
    super()
    this.fc1 = new Linear(dim, hidden, options)
    this.fc2 = new Linear(hidden, dim, options)
    this.dropout = dropout > 0 ? new Dropout(dropout) : undefined
  }
  /** Throws `ShapeError` for another number of features; `ArgumentError` in training mode with dropout and without `random`. */
  forward(x: Tensor, random?: RandomStreams): Tensor {
    const drop = (y: Tensor): Tensor => (this.dropout ? this.dropout.forward(y, random) : y)
    return scope(() => drop(this.fc2.forward(drop(gelu(this.fc1.forward(x))))))
  }
}
