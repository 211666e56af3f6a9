import { ArgumentError, type ConvTranspose2dOptions, convTranspose2d, ShapeError, type Tensor } from '@scanline/tensor'
import { fillDefault } from '../init.js'
import { Module, type ModuleOptions } from '../module.js'
import { parameter } from '../parameter.js'

export interface ConvTranspose2dLayerOptions extends ModuleOptions, ConvTranspose2dOptions {
  /** True unless told otherwise. */
  readonly bias?: boolean
}

/**
 * Transposed convolution of [N, H, W, in] to [N, OH, OW, out], with PyTorch's arguments and defaults (see
 * `convTranspose2d`). The weight is [in, out / groups, kh, kw], as in PyTorch.
 *
 * @example
 * const up = new ConvTranspose2d(256, 128, 2, { stride: 2, device, generator })
 * up.forward(zeros([1, 7, 7, 256], { device })).shape // [1, 14, 14, 128]
 */
export class ConvTranspose2d extends Module {
  weight: Tensor
  bias: Tensor | undefined
  readonly geometry: ConvTranspose2dOptions

  /** Throws `ArgumentError` for groups that do not divide the channels. */
  constructor(
    inChannels: number,
    outChannels: number,
    kernel: number | readonly [number, number],
    options: ConvTranspose2dLayerOptions,
  ) {
    super()
    const { groups = 1, bias = true, stride = 1, padding = 0, outputPadding = 0, dilation = 1, ...memory } = options
    if (inChannels % groups !== 0 || outChannels % groups !== 0)
      throw new ArgumentError(`${groups} groups must divide both ${inChannels} input and ${outChannels} output channels`)
    const [kh, kw] = typeof kernel === 'number' ? [kernel, kernel] : kernel
    this.weight = parameter([inChannels, outChannels / groups, kh, kw], memory)
    this.bias = bias ? parameter([outChannels], memory) : undefined
    this.geometry = { groups, stride, padding, outputPadding, dilation }
    if (memory.generator) fillDefault(this.weight, this.bias, memory.generator)
  }
  get inChannels(): number {
    return this.weight.shape[0]
  }
  get outChannels(): number {
    return this.weight.shape[1] * (this.geometry.groups ?? 1)
  }
  protected override get details(): string {
    const [, , kh, kw] = this.weight.shape
    const others = Object.entries(this.geometry).flatMap(([name, value]) =>
      String(value) === (name === 'padding' || name === 'outputPadding' ? '0' : '1') ? [] : [`${name} ${value}`],
    )
    return [`${this.inChannels} → ${this.outChannels}, ${kh}×${kw}`, ...others].join(', ')
  }
  /** Throws `ShapeError` for another rank or number of channels, `DTypeError` for another element type. */
  forward(x: Tensor): Tensor {
    if (x.rank !== 4 || x.shape[3] !== this.inChannels)
      throw new ShapeError(`ConvTranspose2d(${this.details}) needs [N, H, W, ${this.inChannels}], channels last, got ${x}`)
    return convTranspose2d(x, this.weight, this.bias, this.geometry)
  }
}
