import { Conv1d, Conv2d, fillConstant, Module, type ModuleOptions, parameter } from '@scanline/nn'
import {
  ArgumentError,
  add,
  matmul,
  mul,
  reshape,
  ShapeError,
  scope,
  silu,
  softmax,
  split,
  type Tensor,
  transpose,
} from '@scanline/tensor'

export interface HsmSsdOptions extends ModuleOptions {
  /** States N, the positions that channels are mixed on. 64 unless told otherwise. */
  readonly stateDim?: number
  /** Channels of the gate as a multiple of `dim`, truncated. 1 unless told otherwise. */
  readonly expand?: number
}

/** The values on the way through the mixer. L = height · width positions, S states. */
export interface HsmSsdSteps {
  /** What is written to the states, [N, L, S]. */
  readonly b: Tensor
  /** What is read from them, [N, L, S]. */
  readonly c: Tensor
  /** [N, L, S]. */
  readonly dt: Tensor
  /** Softmax of dt over positions, [N, L, S]. */
  readonly weights: Tensor
  /** Positions summed with weights · b, [N, S, dim]. */
  readonly state: Tensor
  /** The state behind gate and projection, [N, S, dim]. */
  readonly hidden: Tensor
  /** [N, L, dim]. */
  readonly tokens: Tensor
}

/** A convolution under the name that published state dicts give it. */
class Projection extends Module {
  readonly conv: Conv1d
  constructor(inChannels: number, outChannels: number, options: ModuleOptions) {
    super()
    this.conv = new Conv1d(inChannels, outChannels, 1, { bias: false, ...options })
  }
  forward(x: Tensor): Tensor {
    return this.conv.forward(x)
  }
}

class DepthwiseProjection extends Module {
  readonly conv: Conv2d
  constructor(channels: number, options: ModuleOptions) {
    super()
    this.conv = new Conv2d(channels, channels, 3, { padding: 1, groups: channels, bias: false, ...options })
  }
}

/**
 * The hidden-state mixer of EfficientViM (Lee et al., arXiv 2411.15241): state-space duality without a scan. Every state is
 * a weighted sum of all positions, channels are gated and mixed on the few states, and each position reads them:
 *
 *     b, c, dt = split(depthwise(BCdt_proj(x)))
 *     state    = (softmax over positions(dt + A) · b)ᵀ x
 *     u, z     = split(hz_proj(state))
 *     hidden   = out_proj(u · silu(z) + u · D)
 *     tokens   = c hidden
 *
 * Cost O(L·S·dim + S·dim²). A adds one number per state before a softmax over positions, so it cancels: it is kept for
 * state dicts, not computed with, and its gradient is zero.
 *
 * @example
 * const device = new ReferenceBackend()
 * const mixer = new HsmSsd(32, { stateDim: 9, device, generator: new Generator(0) })
 * const { tokens, hidden } = mixer.forward(zeros([1, 48, 32], { device }), 6, 8) // [1, 48, 32], [1, 9, 32]
 */
export class HsmSsd extends Module {
  A: Tensor
  D: Tensor
  readonly BCdtProj: Projection
  readonly dw: DepthwiseProjection
  readonly hzProj: Projection
  readonly outProj: Projection

  /** Throws `ArgumentError` for less than one state or inner channel. */
  constructor(dim: number, { stateDim = 64, expand = 1, ...options }: HsmSsdOptions) {
    super()
    const inner = Math.trunc(expand * dim)
    if (!(Number.isInteger(stateDim) && stateDim >= 1 && inner >= 1))
      throw new ArgumentError(
        `an HSM-SSD mixer needs a whole number of states from 1 and trunc(expand · dim) from 1, got ${stateDim} states and trunc(${expand} · ${dim}) = ${inner}`,
      )
    this.A = parameter([stateDim], options)
    this.D = parameter([1], options)
    this.BCdtProj = new Projection(dim, 3 * stateDim, options)
    this.dw = new DepthwiseProjection(3 * stateDim, options)
    this.hzProj = new Projection(dim, 2 * inner, options)
    this.outProj = new Projection(inner, dim, options)
    const { generator } = options
    if (generator) {
      this.A.write(Array.from({ length: stateDim }, () => 1 + 15 * generator.uniform()))
      fillConstant(this.D, 1)
    }
  }
  get dim(): number {
    return this.hzProj.conv.inChannels
  }
  get stateDim(): number {
    return this.A.size
  }
  protected override get details(): string {
    return `${this.stateDim} states`
  }

  /**
   * Positions [N, height · width, dim] in row-major order → the same shape, and the hidden state [N, stateDim, dim]. There
   * is no skip of x. Throws `ShapeError`.
   */
  forward(x: Tensor, height: number, width: number): Pick<HsmSsdSteps, 'tokens' | 'hidden'> {
    return scope(() => {
      const { tokens, hidden } = this.steps(x, height, width)
      return { tokens, hidden }
    })
  }

  /** As `forward`, with every value on the way. */
  steps(x: Tensor, height: number, width: number): HsmSsdSteps {
    const { dim, stateDim } = this
    if (x.rank !== 3 || x.shape[1] !== height * width || x.shape[2] !== dim)
      throw new ShapeError(`this HSM-SSD mixer needs [N, ${height} · ${width}, ${dim}], channels last, got ${x}`)
    return scope(() => {
      const [n, length] = x.shape
      const map = reshape(this.BCdtProj.forward(x), [n, height, width, 3 * stateDim])
      const mixed = reshape(this.dw.conv.forward(map), [n, length, 3 * stateDim])
      const [b, c, dt] = split(mixed, [stateDim, stateDim, stateDim])
      const weights = softmax(dt, 1)
      const state = matmul(transpose(mul(weights, b)), x)
      const inner = this.outProj.conv.inChannels
      const [u, z] = split(this.hzProj.forward(state), [inner, inner])
      const hidden = this.outProj.forward(mul(u, add(silu(z), this.D)))
      return { b, c, dt, weights, state, hidden, tokens: matmul(c, hidden) }
    })
  }
}
