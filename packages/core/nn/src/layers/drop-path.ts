import { mul, type RandomStreams, type Tensor } from '@scanline/tensor'
import { Module } from '../module.js'
import { keepMask, probability } from './keep-mask.js'

/**
 * Stochastic depth (Huang et al., arXiv 1603.09382), for the branch of a residual block: in training mode, zero for each
 * sample with probability `p`, and the others scaled by 1 / (1 - p).
 */
export class DropPath extends Module {
  readonly p: number

  /** Throws `ArgumentError` unless `p` is from 0 to 1. */
  constructor(p: number) {
    super()
    this.p = probability('DropPath', p)
  }
  protected override get details(): string {
    return `${this.p}`
  }
  /** Throws `ArgumentError` in training mode without `random`. */
  forward(x: Tensor, random?: RandomStreams): Tensor {
    if (!this.training || this.p === 0) return x.alias()
    const perSample = x.shape.map((n, axis) => (axis === 0 ? n : 1))
    return keepMask(`DropPath(${this.p})`, perSample, this.p, x, random, (mask) => mul(x, mask))
  }
}
