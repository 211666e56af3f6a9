import { type Generator, sizeOf, type Tensor } from '@scanline/tensor'

/** Overwrites a tensor with what `next` gives, element by element. */
function fill(tensor: Tensor, next: (i: number) => number): void {
  const size = sizeOf(tensor.shape)
  const values = tensor.dtype === 'f64' ? new Float64Array(size) : new Float32Array(size)
  for (let i = 0; i < size; i++) values[i] = next(i)
  tensor.write(values)
}

/** One value everywhere. */
export const fillConstant = (tensor: Tensor, value: number): void => fill(tensor, () => value)

/** Uniform in [-bound, bound). */
export const fillUniform = (tensor: Tensor, bound: number, generator: Generator): void =>
  fill(tensor, () => bound * (2 * generator.uniform() - 1))

/**
 * Normal with mean 0, redrawn outside ±`limit`. The limit is absolute, as in `trunc_normal_` of PyTorch and timm: with the
 * usual 0.02 and 2 nothing is ever cut.
 */
export const fillTruncatedNormal = (
  tensor: Tensor,
  generator: Generator,
  { std = 0.02, limit = 2 }: { readonly std?: number; readonly limit?: number } = {},
): void => fill(tensor, () => generator.truncatedNormal(std, limit))

/**
 * PyTorch's default for linear layers and convolutions: weight [out, in, …] and bias uniform within ±1/√fanIn
 * (`kaiming_uniform_` with a = √5).
 */
export function fillDefault(weight: Tensor, bias: Tensor | undefined, generator: Generator): void {
  const bound = 1 / Math.sqrt(Math.max(1, sizeOf(weight.shape.slice(1))))
  fillUniform(weight, bound, generator)
  if (bias) fillUniform(bias, bound, generator)
}

/** The logarithms of a state-space model's decay rates, [channels, states]: ln(1), ln(2), … in every row (S4D-real). */
export function fillStateLog(tensor: Tensor): void {
  const states = tensor.shape[1]
  fill(tensor, (i) => Math.log(1 + (i % states)))
}

/**
 * Bias of a step size, so that softplus of it is log-uniform between `min` and `max` and not below `floor`: Mamba's
 * initialisation (arXiv 2312.00752, section 3.6).
 */
export function fillStepBias(
  tensor: Tensor,
  generator: Generator,
  { min = 1e-3, max = 0.1, floor = 1e-4 }: { readonly min?: number; readonly max?: number; readonly floor?: number } = {},
): void {
  fill(tensor, () => {
    const step = Math.max(floor, min * (max / min) ** generator.uniform())
    // The inverse of softplus.
    return step + Math.log(-Math.expm1(-step))
  })
}
