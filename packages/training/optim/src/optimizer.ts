import type { Tensor } from '@scanline/tensor'

/** A parameter in one step. */
export interface Parameter {
  readonly value: Tensor
  readonly grad: Tensor
  /** Under the names of `Optimizer.buffers`. */
  readonly buffers: Readonly<Record<string, Tensor>>
  /** 0 for a parameter that is excluded from it. */
  readonly weightDecay: number
  /** What the learning rate is multiplied by; 1 unless told otherwise. */
  readonly lrScale?: number
}

/** A parameter after the step. */
export interface Updated {
  readonly value: Tensor
  readonly buffers: Readonly<Record<string, Tensor>>
}

/** What is known of all gradients together. */
export interface GradientInfo {
  /** Every gradient is multiplied by it: the factor of `globalNorm` and `clipFactor`. */
  readonly factor?: Tensor
  /** Their norm before that; what needs it and is not given it computes it. */
  readonly norm?: Tensor
}

/**
 * An update rule, as functions of tensors: it holds nothing, so that a whole step can be compiled, and what it knows of
 * the past comes in and goes out as `buffers` (zero before the first step, under PyTorch's names) and as `scalars`.
 *
 * `scalars(lr, step)` are the numbers that change from step to step, computed in doubles outside of the program: in
 * float32 `1 - 0.999^t` alone would be off by 6e-5 in the first step.
 *
 * @example
 * const rule = adamw({ betas: [0.9, 0.999] })
 * const numbers = rule.scalars(1e-3, 1)
 * const scalars = unpack(tensor(pack(numbers), { device }), Object.keys(numbers))
 * const [next] = rule.update([{ value, grad, buffers: { exp_avg, exp_avg_sq }, weightDecay: 0.05 }], scalars)
 */
export interface Optimizer<Scalar extends string = string> {
  readonly name: string
  readonly buffers: readonly string[]
  /** Always the same keys. `step` counts from 1. */
  scalars(lr: number, step: number): Readonly<Record<Scalar, number>>
  update(parameters: readonly Parameter[], scalars: Readonly<Record<Scalar, Tensor>>, gradients?: GradientInfo): Updated[]
}
