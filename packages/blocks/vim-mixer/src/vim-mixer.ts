import {
  Conv1d,
  fillConstant,
  fillDefault,
  fillStateLog,
  fillStepBias,
  fillUniform,
  Linear,
  Module,
  type ModuleOptions,
  parameter,
} from '@scanline/nn'
import {
  ArgumentError,
  bidirectionalScan,
  causalConv1d,
  conv2d,
  exp,
  flip,
  type Generator,
  matmul,
  mul,
  neg,
  reshape,
  ShapeError,
  scope,
  selectiveScan,
  silu,
  split,
  type Tensor,
  transpose,
} from '@scanline/tensor'

/**
 * `v2`: each direction has convolution, projections and scan of its own. `v1`: a second scan over the same projections.
 * `none`: forward only.
 */
export type VimMixerKind = 'v2' | 'v1' | 'none'

export interface VimMixerOptions extends ModuleOptions {
  /** `v2` unless told otherwise. */
  readonly kind?: VimMixerKind
  /** Halves the sum of the two directions of `v2`; `v1` never halves. True unless told otherwise. */
  readonly divideOut?: boolean
  /** States of each channel of the scan: 16. */
  readonly stateDim?: number
  /** Taps of the causal convolution: 4. */
  readonly kernelSize?: number
  /** Inner channels as a multiple of `dim`: 2. */
  readonly expand?: number
  /** Channels that step sizes are made of: ⌈dim / 16⌉. */
  readonly dtRank?: number
  /** Biases for the projections into and out of the mixer: false. */
  readonly bias?: boolean
  /** Bias for the convolutions: true. */
  readonly convBias?: boolean
  /** Adds a factor for each channel of the output, starting at this value. */
  readonly layerScale?: number
}

/** What one direction feeds its scan with, in token order. */
export interface ScanInputs {
  /** Convolved and activated [N, L, inner]. */
  readonly u: Tensor
  /** `x_proj` of it [N, L, rank + 2 · states]. */
  readonly projected: Tensor
  /** Step sizes before bias and softplus [N, L, inner]. */
  readonly delta: Tensor
  readonly b: Tensor
  readonly c: Tensor
}

/**
 * The two-way mixer of Vision Mamba (Zhu et al., arXiv 2401.09417). For each direction, the backward one with parameters
 * of its own:
 *
 *     x, z = split(in_proj(tokens), [inner, inner]);  u = silu(causal_conv(x))
 *     r, B, C = split(x_proj(u), [rank, states, states]);  delta = softplus(dt_proj(r))
 *     y = (scan(u, delta, -exp(A_log), B, C) + D u) · silu(z)
 *     out_proj((y_forward + y_backward) / 2)
 *
 * The published code reverses the sequence, works forward and reverses the result. Here the backward convolution looks
 * ahead with its taps reversed and the scan starts at the end, which is the same without a copy.
 *
 * @example
 * const device = new ReferenceBackend()
 * const mixer = new VimMixer(32, { device, generator: new Generator(0) }).eval()
 * const y = mixer.forward(zeros([1, 17, 32], { device })) // [1, 17, 32]
 */
export class VimMixer extends Module {
  gamma: Tensor | undefined
  A_log: Tensor
  D: Tensor
  A_b_log: Tensor | undefined
  D_b: Tensor | undefined
  readonly inProj: Linear
  readonly conv1d: Conv1d
  readonly xProj: Linear
  readonly dtProj: Linear
  readonly conv1dB: Conv1d | undefined
  readonly xProjB: Linear | undefined
  readonly dtProjB: Linear | undefined
  readonly outProj: Linear
  readonly kind: VimMixerKind
  readonly divideOut: boolean
  readonly #layerScale: number | undefined

  /** Throws `ArgumentError` for an unknown kind and for sizes that leave no channels. */
  constructor(
    dim: number,
    {
      kind = 'v2',
      divideOut = true,
      stateDim = 16,
      kernelSize = 4,
      expand = 2,
      dtRank = Math.ceil(dim / 16),
      bias = false,
      convBias = true,
      layerScale,
      ...options
    }: VimMixerOptions,
  ) {
    super()
    if (!['v2', 'v1', 'none'].includes(kind))
      throw new ArgumentError(`a Vim mixer of kind "${kind}" is unknown; there are "v2", "v1", "none"`)
    const inner = Math.trunc(expand * dim)
    for (const [name, n] of Object.entries({ dim, inner, stateDim, kernelSize, dtRank }))
      if (!Number.isInteger(n) || n < 1) throw new ArgumentError(`a Vim mixer needs a whole ${name} from 1, got ${n}`)
    const memory = { device: options.device, ...(options.dtype && { dtype: options.dtype }) }
    const convolution = { padding: [kernelSize - 1, 0], groups: inner, bias: convBias, ...memory } as const
    const projection = () => new Linear(inner, dtRank + 2 * stateDim, { bias: false, ...memory })
    const v2 = kind === 'v2'
    this.gamma = layerScale === undefined ? undefined : parameter([dim], memory)
    this.A_log = parameter([inner, stateDim], memory)
    this.D = parameter([inner], memory)
    this.A_b_log = kind === 'none' ? undefined : parameter([inner, stateDim], memory)
    this.D_b = v2 ? parameter([inner], memory) : undefined
    this.inProj = new Linear(dim, 2 * inner, { bias, ...memory })
    this.conv1d = new Conv1d(inner, inner, kernelSize, convolution)
    this.xProj = projection()
    this.dtProj = new Linear(dtRank, inner, memory)
    this.conv1dB = v2 ? new Conv1d(inner, inner, kernelSize, convolution) : undefined
    this.xProjB = v2 ? projection() : undefined
    this.dtProjB = v2 ? new Linear(dtRank, inner, memory) : undefined
    this.outProj = new Linear(inner, dim, { bias, ...memory })
    this.kind = kind
    this.divideOut = divideOut
    this.#layerScale = layerScale
    if (options.generator) this.initialise(options.generator)
  }
  protected override get details(): string {
    return this.kind === 'v2' && !this.divideOut ? 'v2, sum' : this.kind
  }

  /**
   * Published initial values. The bias of `dt_proj` is the inverse softplus of step sizes from 0.001 to 0.1; that of the
   * backward direction starts at 0, as the published code has it. `outputScale` multiplies the bound of `out_proj`.
   */
  initialise(generator: Generator, { outputScale = 1 }: { readonly outputScale?: number } = {}): void {
    const { inProj, xProj, xProjB, dtProj, dtProjB, outProj } = this
    for (const projection of [inProj, xProj, xProjB, dtProj, dtProjB, outProj]) {
      if (!projection) continue
      const scale = projection === outProj ? outputScale : 1
      fillUniform(projection.weight, scale * projection.inFeatures ** -0.5, generator)
      if (projection.bias) fillConstant(projection.bias, 0)
    }
    fillStepBias(dtProj.bias!, generator)
    for (const conv of [this.conv1d, this.conv1dB]) if (conv) fillDefault(conv.weight, conv.bias, generator)
    for (const rates of [this.A_log, this.A_b_log]) if (rates) fillStateLog(rates)
    for (const skip of [this.D, this.D_b]) if (skip) fillConstant(skip, 1)
    if (this.gamma) fillConstant(this.gamma, this.#layerScale!)
  }

  /** [N, L, dim] → the same shape; any length. Throws `ShapeError`. */
  forward(tokens: Tensor): Tensor {
    const dim = this.inProj.inFeatures
    if (tokens.rank !== 3 || tokens.shape[2] !== dim)
      throw new ShapeError(`this Vim mixer needs tokens [N, L, ${dim}], got ${tokens}`)
    return scope(() => {
      const inner = this.outProj.inFeatures
      const [x, z] = split(this.inProj.forward(tokens), [inner, inner])
      const out = this.outProj.forward(this.scan(x, z))
      return this.gamma ? mul(out, this.gamma) : out
    })
  }

  /** Convolution and projections of one direction of [N, L, inner], in token order; `backward` exists in `v2` only. */
  scanInputs(x: Tensor, backward = false): ScanInputs {
    const [conv, xProj, dtProj] = backward ? [this.conv1dB, this.xProjB, this.dtProjB] : [this.conv1d, this.xProj, this.dtProj]
    if (!conv || !xProj || !dtProj)
      throw new ArgumentError(`a Vim mixer of kind "${this.kind}" has no projections for the backward direction`)
    return scope(() => {
      const states = this.A_log.shape[1]
      const u = backward ? anticausal(x, conv) : causalConv1d(x, conv.weight, conv.bias, { activation: 'silu' })
      const projected = xProj.forward(u)
      const [steps, b, c] = split(projected, [dtProj.inFeatures, states, states])
      return { u, projected, delta: matmul(steps, transpose(dtProj.weight)), b, c }
    })
  }

  private scan(x: Tensor, z: Tensor): Tensor {
    const { kind, divideOut, A_log, A_b_log, D, D_b, dtProj, dtProjB } = this
    const direction = ({ u, delta, b, c }: ScanInputs, log: Tensor, d: Tensor, { bias }: Linear) => ({
      ...{ u, delta, a: neg(exp(log)), b, c, d },
      deltaBias: bias,
    })
    const inputs = this.scanInputs(x)
    const forward = direction(inputs, A_log, D, dtProj)
    if (kind === 'none') {
      const { u, delta, a, b, c, ...rest } = forward
      return selectiveScan(u, delta, a, b, c, { ...rest, z, deltaSoftplus: true })
    }
    const backward =
      kind === 'v1' ? direction(inputs, A_b_log!, D, dtProj) : direction(this.scanInputs(x, true), A_b_log!, D_b!, dtProjB!)
    const scale = kind === 'v2' && divideOut ? 0.5 : 1
    return bidirectionalScan(forward, backward, { z, deltaSoftplus: true, scale })
  }
}

/** silu of a causal convolution of the reversed sequence, reversed back: zeros behind the end, the first tap the farthest ahead. */
function anticausal(x: Tensor, { weight, bias }: Conv1d): Tensor {
  const [n, length, channels] = x.shape
  const width = weight.shape[2]
  const taps = reshape(flip(weight, [2]), [channels, 1, 1, width])
  const y = conv2d(reshape(x, [n, 1, length, channels]), taps, bias, { padding: [0, 0, 0, width - 1], groups: channels })
  return reshape(silu(y), x.shape)
}
