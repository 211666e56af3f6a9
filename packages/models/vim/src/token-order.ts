import {
  add,
  arange,
  cast,
  equal,
  floor,
  greaterEqual,
  less,
  mul,
  type RandomStreams,
  reshape,
  sum,
  type Tensor,
} from '@scanline/tensor'

/**
 * The ranks of tokens in a random order, [L]: position i goes to rank i, each order as likely as another. Ties of the
 * random numbers, which have 24 bits, are broken by position.
 */
export function shuffledRanks(length: number, random: RandomStreams): Tensor {
  const draws = random.uniform([length])
  const [own, others] = [reshape(draws, [length, 1]), reshape(draws, [1, length])]
  const places = arange(length, { device: draws.device, dtype: 'f32' })
  const earlier = less(reshape(places, [1, length]), reshape(places, [length, 1]))
  const ties = mul(cast(equal(others, own), 'f32'), cast(earlier, 'f32'))
  return sum(add(cast(less(others, own), 'f32'), ties), [1])
}

/** The ranks of a class token in front and `patches` patches, once the class token is put between any two, or at an end. */
export function scatteredClassRanks(patches: number, random: RandomStreams): Tensor {
  const place = floor(mul(random.uniform([1]), patches + 1))
  const order = arange(patches + 1, { device: place.device, dtype: 'f32' })
  const isClass = cast(less(order, 1), 'f32')
  // A patch has the rank order - 1 before the class token, and one more behind it.
  const patch = add(order, add(cast(greaterEqual(add(order, -1), place), 'f32'), -1))
  return add(mul(isClass, place), mul(add(mul(isClass, -1), 1), patch))
}

/** [L, L]: one at (rank, position), so that its product with tokens [N, L, C] puts each at its rank, and its transpose back. */
export function orderMatrix(ranks: Tensor, like: Tensor): Tensor {
  const [length] = ranks.shape
  const rows = reshape(arange(length, { device: ranks.device, dtype: 'f32' }), [length, 1])
  return cast(equal(rows, reshape(ranks, [1, length])), like.dtype)
}
