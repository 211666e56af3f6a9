import { ArgumentError, conv2d, DTypeError, ShapeError, type Tensor, type WindowOptions } from '@scanline/tensor'
import { fillDefault } from '../init.js'
import { Module, type ModuleOptions } from '../module.js'
import { parameter } from '../parameter.js'

export interface Conv2dOptions extends ModuleOptions, WindowOptions {
  /** Channels are divided into so many independent convolutions; as many as channels is a depthwise one. 1 by default. */
  readonly groups?: number
  /** True unless told otherwise. */
  readonly bias?: boolean
}

/** Convolution of [N, H, W, in] to [N, OH, OW, out]. The weight is [out, in / groups, kh, kw], as in PyTorch. */
export class Conv2d extends Module {
  weight: Tensor
  bias: Tensor | undefined
  readonly inChannels: number
  readonly groups: number
  readonly window: WindowOptions

  /** Throws `ArgumentError` for groups that do not divide the channels. */
  constructor(
    inChannels: number,
    outChannels: number,
    kernel: number | readonly [number, number],
    { groups = 1, bias = true, stride = 1, padding = 0, dilation = 1, ...options }: Conv2dOptions,
  ) {
    super()
    if (inChannels % groups !== 0 || outChannels % groups !== 0)
      throw new ArgumentError(`${groups} groups must divide both ${inChannels} input and ${outChannels} output channels`)
    const [kh, kw] = typeof kernel === 'number' ? [kernel, kernel] : kernel
    this.weight = parameter([outChannels, inChannels / groups, kh, kw], options)
    this.bias = bias ? parameter([outChannels], options) : undefined
    this.inChannels = inChannels
    this.groups = groups
    this.window = { stride, padding, dilation }
    if (options.generator) fillDefault(this.weight, this.bias, options.generator)
  }
  get outChannels(): number {
    return this.weight.shape[0]
  }
  protected override get details(): string {
    const { stride, padding, dilation } = this.window
    const [kh, kw] = this.weight.shape.slice(2)
    return [
      `${this.inChannels} → ${this.outChannels}, ${kh}×${kw}`,
      stride !== 1 && `stride ${stride}`,
      padding !== 0 && `padding ${padding}`,
      dilation !== 1 && `dilation ${dilation}`,
      this.groups !== 1 && `groups ${this.groups}`,
    ]
      .filter((part) => part !== false)
      .join(', ')
  }
  /** Throws `ShapeError` for another rank or number of channels, `DTypeError` for another element type. */
  forward(x: Tensor): Tensor {
    if (x.rank !== 4 || x.shape[3] !== this.inChannels) {
      const swapped = x.rank === 4 && x.shape[1] === this.inChannels
      const advice = swapped ? '; permute(x, [0, 2, 3, 1]) puts the channels last' : ''
      throw new ShapeError(`Conv2d(${this.details}) needs [N, H, W, ${this.inChannels}], got ${x}${advice}`)
    }
    if (x.dtype !== this.weight.dtype)
      throw new DTypeError(`Conv2d(${this.details}) has ${this.weight.dtype} weights, got ${x}; cast() the input`)
    return conv2d(x, this.weight, this.bias, { ...this.window, groups: this.groups })
  }
}
