import { ArgumentError, conv2d, reshape, ShapeError, scope, type Tensor } from '@scanline/tensor'
import { fillDefault } from '../init.js'
import { Module, type ModuleOptions } from '../module.js'
import { parameter } from '../parameter.js'

export interface Conv1dOptions extends ModuleOptions {
  /** Zeros before and after the sequence: one number, [before, after], or `same` for as long an output. 0 by default. */
  readonly padding?: number | readonly [number, number] | 'same'
  /** Channels are divided into so many independent convolutions; as many as channels is a depthwise one. 1 by default. */
  readonly groups?: number
  /** True unless told otherwise. */
  readonly bias?: boolean
}

/** Convolution of [N, L, in] to [N, L', out]. The weight is [out, in / groups, k], as in PyTorch. */
export class Conv1d extends Module {
  weight: Tensor
  bias: Tensor | undefined
  readonly inChannels: number
  readonly groups: number
  readonly padding: readonly [number, number]

  /** Throws `ArgumentError` for groups that do not divide the channels. */
  constructor(
    inChannels: number,
    outChannels: number,
    kernel: number,
    { padding = 0, groups = 1, bias = true, ...options }: Conv1dOptions,
  ) {
    super()
    if (inChannels % groups !== 0 || outChannels % groups !== 0)
      throw new ArgumentError(`${groups} groups must divide both ${inChannels} input and ${outChannels} output channels`)
    this.weight = parameter([outChannels, inChannels / groups, kernel], options)
    this.bias = bias ? parameter([outChannels], options) : undefined
    this.inChannels = inChannels
    this.groups = groups
    // PyTorch's `same`: of an odd number of zeros the one more comes last.
    const same = [Math.floor((kernel - 1) / 2), Math.ceil((kernel - 1) / 2)] as const
    this.padding = padding === 'same' ? same : typeof padding === 'number' ? [padding, padding] : padding
    if (options.generator) fillDefault(this.weight, this.bias, options.generator)
  }
  get outChannels(): number {
    return this.weight.shape[0]
  }
  protected override get details(): string {
    const groups = this.groups === 1 ? '' : `, groups ${this.groups}`
    return `${this.inChannels} → ${this.outChannels}, ${this.weight.shape[2]}, padding ${this.padding.join(' ')}${groups}`
  }
  /** Throws `ShapeError` for another rank or number of channels. */
  forward(x: Tensor): Tensor {
    if (x.rank !== 3 || x.shape[2] !== this.inChannels)
      throw new ShapeError(`Conv1d(${this.details}) needs [N, L, ${this.inChannels}], channels last, got ${x}`)
    return scope(() => {
      const [n, length, channels] = x.shape
      const [out, perGroup, kernel] = this.weight.shape
      const [before, after] = this.padding
      const image = reshape(x, [n, 1, length, channels])
      const taps = reshape(this.weight, [out, perGroup, 1, kernel])
      const y = conv2d(image, taps, this.bias, { padding: [0, 0, before, after], groups: this.groups })
      return reshape(y, [n, y.shape[2], out])
    })
  }
}
