import {
  type ActivationName,
  activation,
  Conv2d,
  DropPath,
  LayerNorm,
  LayerScale,
  Linear,
  Module,
  type ModuleOptions,
} from '@scanline/nn'
import { ArgumentError, add, concat, mul, type RandomStreams, ShapeError, scope, split, type Tensor } from '@scanline/tensor'

export interface GatedCnnBlockOptions extends ModuleOptions {
  /** Hidden channels, as a multiple of `dim`, truncated. 8/3 unless told otherwise. */
  readonly expansionRatio?: number
  /** Channels that are convolved, as a multiple of `dim`, truncated. 1 unless told otherwise. */
  readonly convRatio?: number
  /** Odd. 7 unless told otherwise. */
  readonly kernelSize?: number
  /** Of the gate. `gelu` unless told otherwise. */
  readonly act?: ActivationName
  /** Adds a layer scale that starts at this value. */
  readonly lsInit?: number
  /** Probability of skipping the block for a sample, in training mode. 0 unless told otherwise. */
  readonly dropPath?: number
}

/**
 * The gated CNN block of MambaOut (Yu and Wang, arXiv 2405.07992): a Mamba block without its state-space model. With h
 * hidden and c convolved channels,
 *
 *     gate, identity, convolved = split(fc1(norm(x)), [h, h - c, c])
 *     x + fc2(act(gate) · concat(identity, depthwise(convolved)))
 *
 * @example
 * const device = new ReferenceBackend()
 * const block = new GatedCnnBlock(32, { device, generator: new Generator(0) }).eval()
 * const y = block.forward(zeros([1, 7, 7, 32], { device })) // [1, 7, 7, 32]
 */
export class GatedCnnBlock extends Module {
  readonly norm: LayerNorm
  readonly fc1: Linear
  readonly conv: Conv2d
  readonly fc2: Linear
  readonly ls: LayerScale | undefined
  readonly dropPath: DropPath | undefined
  readonly act: ActivationName
  /** Hidden channels h. */
  readonly hidden: number

  /** Throws `ArgumentError` for ratios that leave no channels or convolve more than there are, and for even kernels. */
  constructor(
    dim: number,
    {
      expansionRatio = 8 / 3,
      convRatio = 1,
      kernelSize = 7,
      act = 'gelu',
      lsInit,
      dropPath = 0,
      ...options
    }: GatedCnnBlockOptions,
  ) {
    super()
    activation(act)
    // In double precision, as in Python: 8/3 · 128 is 341.33, and 8/3 · 96 is exactly 256.
    const hidden = Math.trunc(expansionRatio * dim)
    const convolved = Math.trunc(convRatio * dim)
    if (!(convolved >= 1 && convolved <= hidden))
      throw new ArgumentError(
        `a gated CNN block of ${dim} channels has trunc(${expansionRatio} · ${dim}) = ${hidden} hidden ones, of which trunc(${convRatio} · ${dim}) = ${convolved} would be convolved; it needs 1 to ${hidden}`,
      )
    if (!Number.isInteger(kernelSize) || kernelSize % 2 !== 1)
      throw new ArgumentError(`kernelSize must be odd, so that the convolution keeps height and width; got ${kernelSize}`)
    this.norm = new LayerNorm(dim, { eps: 1e-6, ...options })
    this.fc1 = new Linear(dim, 2 * hidden, options)
    this.conv = new Conv2d(convolved, convolved, kernelSize, {
      padding: (kernelSize - 1) / 2,
      groups: convolved,
      ...options,
    })
    this.fc2 = new Linear(hidden, dim, options)
    this.ls = lsInit === undefined ? undefined : new LayerScale(dim, { init: lsInit, ...options })
    this.dropPath = dropPath > 0 ? new DropPath(dropPath) : undefined
    this.act = act
    this.hidden = hidden
  }
  protected override get details(): string {
    return this.act
  }

  /**
   * [N, H, W, dim] → the same shape. Throws `ShapeError`; `ArgumentError` in training mode with drop path and without
   * `random`.
   */
  forward(x: Tensor, random?: RandomStreams): Tensor {
    const dim = this.fc1.inFeatures
    if (x.rank !== 4 || x.shape[3] !== dim)
      throw new ShapeError(`this gated CNN block needs [N, H, W, ${dim}], channels last, got ${x}`)
    return scope(() => {
      let y = this.fc2.forward(this.mix(this.fc1.forward(this.norm.forward(x))))
      if (this.ls) y = this.ls.forward(y)
      if (this.dropPath) y = this.dropPath.forward(y, random)
      return add(x, y)
    })
  }

  /** [N, H, W, 2h] → [N, H, W, h]: the gate times what is partly convolved. */
  private mix(expanded: Tensor): Tensor {
    const { hidden } = this
    const convolved = this.conv.outChannels
    const [gate, identity, input] = split(expanded, [hidden, hidden - convolved, convolved])
    const output = this.conv.forward(input)
    return mul(activation(this.act)(gate), hidden === convolved ? output : concat([identity, output]))
  }
}
