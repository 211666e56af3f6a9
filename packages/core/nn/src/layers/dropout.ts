import { mul, type RandomStreams, type Tensor } from '@scanline/tensor'
import { Module } from '../module.js'
import { keepMask, probability } from './keep-mask.js'

/** In training mode, zero for each element with probability `p`, and the others scaled by 1 / (1 - p). */
export class Dropout extends Module {
  readonly p: number

  /** Throws `ArgumentError` unless `p` is from 0 to 1. */
  constructor(p = 0.5) {
    super()
    this.p = probability('Dropout', p)
  }
  protected override get details(): string {
    return `${this.p}`
  }
  /** Throws `ArgumentError` in training mode without `random`. */
  forward(x: Tensor, random?: RandomStreams): Tensor {
    if (!this.training || this.p === 0) return x.alias()
    return keepMask(`Dropout(${this.p})`, x.shape, this.p, x, random, (mask) => mul(x, mask))
  }
}
