import { add, cast, mean, mul, rsqrt, type Shape, ShapeError, scope, square, sub, type Tensor } from '@scanline/tensor'
import { currentBuffer, updateBuffer } from '../buffer-updates.js'
import { fillConstant } from '../init.js'
import { Module, type ModuleOptions } from '../module.js'
import { parameter } from '../parameter.js'

export interface BatchNormOptions extends ModuleOptions {
  /** Added to the variance. 1e-5 unless told otherwise. */
  readonly eps?: number
  /** Share of the newest batch in the running statistics. 0.1 unless told otherwise. */
  readonly momentum?: number
}

/**
 * Normalisation of each channel over all other axes (Ioffe and Szegedy, arXiv 1502.03167), channels last. Training mode
 * takes mean and biased variance of the batch and moves the running statistics (the variance unbiased, as PyTorch does) by
 * `momentum`; a function that is compiled gets them from `captureBuffers`. Evaluation takes the running statistics: one
 * factor and one summand for each channel, which `compile` folds into the layer before.
 */
abstract class BatchNorm extends Module {
  weight: Tensor
  bias: Tensor
  runningMean: Tensor
  runningVar: Tensor
  /** i64. */
  numBatchesTracked: Tensor
  readonly eps: number
  readonly momentum: number

  constructor(channels: number, { eps = 1e-5, momentum = 0.1, ...options }: BatchNormOptions) {
    super()
    this.weight = parameter([channels], options)
    this.bias = parameter([channels], options)
    this.runningMean = parameter([channels], options)
    this.runningVar = parameter([channels], options)
    this.numBatchesTracked = parameter([], { ...options, dtype: 'i64' })
    this.eps = eps
    this.momentum = momentum
    if (options.generator) this.reset()
  }
  protected override get bufferNames(): readonly string[] {
    return ['runningMean', 'runningVar', 'numBatchesTracked']
  }
  protected override get details(): string {
    return `${this.weight.size}, eps ${this.eps.toExponential()}`
  }
  /** Whether a shape is what the layer normalises, and how such shapes are written. */
  protected abstract accepts(shape: Shape): boolean
  protected abstract readonly form: string

  /** Scale 1, shift 0, running mean 0 and variance 1: how training starts. */
  reset(): void {
    for (const one of [this.weight, this.runningVar]) fillConstant(one, 1)
    for (const zero of [this.bias, this.runningMean, this.numBatchesTracked]) fillConstant(zero, 0)
  }

  /** Throws `ShapeError` for another rank or number of channels, and in training mode for one value per channel. */
  forward(x: Tensor): Tensor {
    const channels = this.weight.size
    if (!this.accepts(x.shape) || x.shape[x.rank - 1] !== channels)
      throw new ShapeError(`${this.constructor.name}(${channels}) needs ${this.form} with C = ${channels}, got ${x}`)
    return scope(() => (this.training ? this.byBatch(x) : this.byRunningStatistics(x)))
  }

  private byRunningStatistics(x: Tensor): Tensor {
    const scale = mul(this.weight, rsqrt(add(this.runningVar, this.eps)))
    return add(mul(x, scale), sub(this.bias, mul(this.runningMean, scale)))
  }

  private byBatch(x: Tensor): Tensor {
    const count = x.size / this.weight.size
    if (count < 2)
      throw new ShapeError(
        `batch norm in training mode needs more than one value per channel, got ${x}; use a larger batch or image, or eval()`,
      )
    const axes = x.shape.slice(0, -1).map((_, axis) => axis)
    const centre = mean(x, axes)
    const centred = sub(x, centre)
    const variance = mean(square(centred), axes)
    const moved = (property: string, value: Tensor): void =>
      updateBuffer(this, property, add(mul(currentBuffer(this, property), 1 - this.momentum), mul(value, this.momentum)))
    moved('runningMean', centre)
    moved('runningVar', mul(variance, count / (count - 1)))
    // Whole numbers of f32 are exact up to 2^24 steps.
    const seen = cast(currentBuffer(this, 'numBatchesTracked'), 'f32')
    updateBuffer(this, 'numBatchesTracked', cast(add(seen, 1), 'i64'))
    return add(mul(centred, mul(this.weight, rsqrt(add(variance, this.eps)))), this.bias)
  }
}

/** Batch norm of feature maps [N, H, W, C]. */
export class BatchNorm2d extends BatchNorm {
  protected readonly form = '[N, H, W, C]'
  protected accepts(shape: Shape): boolean {
    return shape.length === 4
  }
}

/** Batch norm of vectors [N, C] or sequences [N, L, C]. */
export class BatchNorm1d extends BatchNorm {
  protected readonly form = '[N, C] or [N, L, C]'
  protected accepts(shape: Shape): boolean {
    return shape.length === 2 || shape.length === 3
  }
}
