import { ArgumentError, cast, less, mul, type RandomStreams, type Shape, scope, type Tensor } from '@scanline/tensor'

export function probability(layer: string, p: number): number {
  if (!(p >= 0 && p <= 1)) throw new ArgumentError(`${layer} needs a probability from 0 to 1, got ${p}`)
  return p
}

/** `use` with a mask that is 0 with probability `p` and else 1 / (1 - p), in the element type of `x`. */
export function keepMask(
  layer: string,
  shape: Shape,
  p: number,
  x: Tensor,
  random: RandomStreams | undefined,
  use: (mask: Tensor) => Tensor,
): Tensor {
  if (!random)
    throw new ArgumentError(
      `${layer} is in training mode and needs random numbers: pass forward(x, new RandomStreams(generator.key(device))), or call eval()`,
    )
  const keep = 1 - p
  // p = 1 keeps nothing, and 1 / 0 would make NaN of it.
  return scope(() => use(mul(cast(less(random.uniform(shape), keep), x.dtype), keep === 0 ? 0 : 1 / keep)))
}
