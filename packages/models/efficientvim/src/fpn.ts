import { ChannelNorm, Conv2d, ConvTranspose2d, Module, type ModuleOptions } from '@scanline/nn'
import { ArgumentError, add, interpolate, scope, slice, type Tensor } from '@scanline/tensor'

export interface FpnOptions extends ModuleOptions {
  /** 256 unless told otherwise. */
  readonly outChannels?: number
  /** Levels. 5 unless told otherwise. */
  readonly numOuts?: number
  /** Finer levels that transposed convolutions make. 0 unless told otherwise. */
  readonly extraTransConvs?: number
  /** `on_input`: coarser levels are convolutions of stride 2 from the coarsest input; else every second pixel. */
  readonly extraConvs?: 'on_input' | false
  /** A channel norm of each input. False unless told otherwise. */
  readonly preNorm?: boolean
}

/** A convolution under the name that mmdetection gives it. */
class NamedConv extends Module {
  readonly conv: Conv2d
  constructor(inChannels: number, outChannels: number, kernel: number, stride: number, options: ModuleOptions) {
    super()
    this.conv = new Conv2d(inChannels, outChannels, kernel, { stride, padding: (kernel - 1) / 2, ...options })
  }
  forward(x: Tensor): Tensor {
    return this.conv.forward(x)
  }
}

/** A transposed convolution 2×2 of stride 2, likewise named. */
class NamedUpConv extends Module {
  readonly conv: ConvTranspose2d
  constructor(channels: number, options: ModuleOptions) {
    super()
    this.conv = new ConvTranspose2d(channels, channels, 2, { stride: 2, ...options })
  }
  forward(x: Tensor): Tensor {
    return this.conv.forward(x)
  }
}

const everySecondPixel = (x: Tensor): Tensor => scope(() => slice(slice(x, 1, 0, x.shape[1], 2), 2, 0, x.shape[2], 2))

/**
 * The feature pyramid of EfficientViM's detectors and segmenters, which is EfficientViT's: 1×1 laterals, a top-down sum,
 * 3×3 convolutions; finer levels by transposed convolutions, chained from the finest lateral; coarser ones on top. Names
 * are those of the published checkpoints, without their prefix `neck.`.
 *
 * @example
 * const neck = new EfficientViMFpn([224, 320, 512], { device, numOuts: 5, extraTransConvs: 2, preNorm: true })
 * const levels = neck.forward(backbone.forward(images)) // strides 4, 8, 16, 32, 64
 */
export class EfficientViMFpn extends Module {
  readonly lateralConvs: readonly NamedConv[]
  readonly fpnConvs: readonly NamedConv[]
  readonly batchNorm: readonly ChannelNorm[]
  readonly extraTransConvs: readonly NamedUpConv[]
  readonly extraFpnConvs: readonly NamedConv[]
  readonly numOuts: number

  /** Throws `ArgumentError` for fewer levels than inputs and transposed convolutions make. */
  constructor(
    inChannels: readonly number[],
    { outChannels = 256, numOuts = 5, extraTransConvs = 0, extraConvs = false, preNorm = false, ...options }: FpnOptions,
  ) {
    super()
    const coarser = numOuts - inChannels.length - extraTransConvs
    if (inChannels.length === 0 || coarser < 0)
      throw new ArgumentError(
        `${inChannels.length} inputs and ${extraTransConvs} transposed convolutions make more than ${numOuts} levels; raise numOuts`,
      )
    this.lateralConvs = inChannels.map((c) => new NamedConv(c, outChannels, 1, 1, options))
    const last = inChannels[inChannels.length - 1]
    const strided = extraConvs === 'on_input' ? Array.from({ length: coarser }, (_, i) => (i === 0 ? last : outChannels)) : []
    this.fpnConvs = [
      ...inChannels.map(() => new NamedConv(outChannels, outChannels, 3, 1, options)),
      ...strided.map((c) => new NamedConv(c, outChannels, 3, 2, options)),
    ]
    this.batchNorm = preNorm ? inChannels.map((c) => new ChannelNorm(c, options)) : []
    this.extraTransConvs = Array.from({ length: extraTransConvs }, () => new NamedUpConv(outChannels, options))
    this.extraFpnConvs = this.extraTransConvs.map(() => new NamedConv(outChannels, outChannels, 3, 1, options))
    this.numOuts = numOuts
  }

  /** Maps, finest first → levels, finest first, all of `outChannels`. Throws `ArgumentError`, `ShapeError`. */
  forward(maps: readonly Tensor[]): Tensor[] {
    const count = this.lateralConvs.length
    if (maps.length !== count) throw new ArgumentError(`this pyramid takes ${count} maps, got ${maps.length}`)
    return scope(() => {
      const inputs = maps.map((map, i) => this.batchNorm[i]?.forward(map) ?? map)
      const laterals = inputs.map((map, i) => this.lateralConvs[i].forward(map))
      for (let i = count - 1; i > 0; i--) {
        const [, h, w] = laterals[i - 1].shape
        laterals[i - 1] = add(laterals[i - 1], interpolate(laterals[i], [h, w], { mode: 'nearest' }))
      }
      const finer: Tensor[] = []
      for (const up of this.extraTransConvs) finer.unshift(up.forward(finer[0] ?? laterals[0]))
      const levels = [
        ...finer.map((map, i) => this.extraFpnConvs[i].forward(map)),
        ...laterals.map((map, i) => this.fpnConvs[i].forward(map)),
      ]
      const strided = this.fpnConvs.slice(count)
      for (let from = inputs[count - 1], i = 0; levels.length < this.numOuts; i++) {
        const next = strided[i] ? strided[i].forward(from) : everySecondPixel(levels[levels.length - 1])
        levels.push(next)
        from = next
      }
      return levels
    })
  }
}
