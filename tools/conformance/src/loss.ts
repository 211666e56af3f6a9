import { add, cast, Generator, isFloat, mul, sum, type Tensor, tensor } from '@scanline/tensor'

/** One number from all float outputs, in which every element counts differently: their product with fixed random weights. */
export function scalarLoss(outputs: readonly Tensor[], dtype: 'f32' | 'f64'): Tensor {
  const random = new Generator(7)
  return outputs
    .filter((y) => isFloat(y.dtype))
    .map((y) => {
      const weights = Float64Array.from({ length: y.size }, () => Math.fround(random.normal()))
      return sum(mul(cast(y, dtype), tensor(weights, { shape: y.shape, device: y.device, dtype })))
    })
    .reduce((a, b) => add(a, b))
}
