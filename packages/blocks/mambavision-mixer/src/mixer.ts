import {
  Conv1d,
  fillConstant,
  fillStateLog,
  fillStepBias,
  fillUniform,
  Linear,
  Module,
  type ModuleOptions,
  parameter,
} from '@scanline/nn'
import { ArgumentError, concat, exp, neg, ShapeError, scope, selectiveScan, silu, split, type Tensor } from '@scanline/tensor'

export interface MambaVisionMixerOptions extends ModuleOptions {
  /** States of each channel of the scan: 8. */
  readonly stateDim?: number
  /** Taps of the convolutions along the sequence: 3. */
  readonly kernelSize?: number
  /** Inner channels as a multiple of `dim`: 1. */
  readonly expand?: number
  /** Channels that step sizes are made of: ⌈dim / 16⌉. */
  readonly dtRank?: number
  /** Biases for the convolutions along the sequence: false, as in every published model. */
  readonly convBias?: boolean
}

/**
 * The scan mixer of MambaVision (Hatamizadeh and Kautz, arXiv 2407.08083): half of the channels go through a selective
 * scan, the other half past it, and both are concatenated. With c channels each:
 *
 *     x, z = split(in_proj(tokens), [c, c]);  x = silu(conv1d_x(x));  z = silu(conv1d_z(z))
 *     dt, B, C = split(x_proj(x), [r, states, states])
 *     y = scan(x, dt_proj(dt), -exp(A_log), B, C) + D x
 *     out_proj(concat(y, z))
 *
 * The convolutions look both ways, the scan runs in token order. The bias of `dt_proj` is added twice, by the projection
 * and by the scan: published weights rely on it.
 *
 * @example
 * const mixer = new MambaVisionMixer(32, { device, generator: new Generator(0) }).eval()
 * const y = mixer.forward(zeros([1, 49, 32], { device })) // [1, 49, 32]
 */
export class MambaVisionMixer extends Module {
  A_log: Tensor
  D: Tensor
  readonly inProj: Linear
  readonly xProj: Linear
  readonly dtProj: Linear
  readonly outProj: Linear
  readonly conv1dX: Conv1d
  readonly conv1dZ: Conv1d

  /** Throws `ArgumentError` for inner channels that have no halves. */
  constructor(
    dim: number,
    {
      stateDim = 8,
      kernelSize = 3,
      expand = 1,
      dtRank = Math.ceil(dim / 16),
      convBias = false,
      ...options
    }: MambaVisionMixerOptions,
  ) {
    super()
    const inner = Math.trunc(expand * dim)
    if (inner < 2 || inner % 2 !== 0)
      throw new ArgumentError(
        `half of a mixer's inner channels are scanned; trunc(${expand} · ${dim}) = ${inner} must be even and not 0`,
      )
    const half = inner / 2
    const bare = { bias: false, ...options }
    const convolution = { padding: 'same', groups: half, bias: convBias, ...options } as const
    this.A_log = parameter([half, stateDim], options)
    this.D = parameter([half], options)
    this.inProj = new Linear(dim, inner, bare)
    this.xProj = new Linear(half, dtRank + 2 * stateDim, bare)
    this.dtProj = new Linear(dtRank, half, options)
    this.outProj = new Linear(inner, dim, bare)
    this.conv1dX = new Conv1d(half, half, kernelSize, convolution)
    this.conv1dZ = new Conv1d(half, half, kernelSize, convolution)
    if (options.generator) {
      fillStateLog(this.A_log)
      fillConstant(this.D, 1)
      fillUniform(this.dtProj.weight, dtRank ** -0.5, options.generator)
      fillStepBias(this.dtProj.bias!, options.generator)
    }
  }

  /** [N, L, dim] → the same shape; any length. Throws `ShapeError`. */
  forward(tokens: Tensor): Tensor {
    const dim = this.inProj.inFeatures
    if (tokens.rank !== 3 || tokens.shape[2] !== dim)
      throw new ShapeError(`this MambaVision mixer needs tokens [N, L, ${dim}], got ${tokens}`)
    const [half, states] = this.A_log.shape
    return scope(() => {
      const [left, right] = split(this.inProj.forward(tokens), [half, half])
      const x = silu(this.conv1dX.forward(left))
      const z = silu(this.conv1dZ.forward(right))
      const [dt, b, c] = split(this.xProj.forward(x), [this.dtProj.inFeatures, states, states])
      const y = selectiveScan(x, this.dtProj.forward(dt), neg(exp(this.A_log)), b, c, {
        d: this.D,
        deltaBias: this.dtProj.bias,
        deltaSoftplus: true,
      })
      return this.outProj.forward(concat([y, z]))
    })
  }
}
