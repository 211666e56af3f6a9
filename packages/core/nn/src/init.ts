import { type Generator, sizeOf, type Tensor } from '@scanline/tensor'

/** Overwrites a tensor with what `next` gives, element by element. */
function fill(tensor: Tensor, next: () => number): void {
  const size = sizeOf(tensor.shape)
  const values = tensor.dtype === 'f64' ? new Float64Array(size) : new Float32Array(size)
  for (let i = 0; i < size; i++) values[i] = next()
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
