// The sums over the lanes of as many vectors as there are lanes, in one vector.
#pragma once

#include <utility>

#include "vector.h"

SCANLINE_KERNELS_BEGIN

/** In blocks of 2H lanes: what folding the halves of a block leaves of `a`, then of `b`. */
template <int H, int... I>
INLINE Vf foldHalves(Vf a, Vf b, std::integer_sequence<int, I...>) {
  const Vf low = __builtin_shufflevector(a, b, (I % (2 * H) < H ? I : I - H + lanes)...);
  const Vf high = __builtin_shufflevector(a, b, (I % (2 * H) < H ? I + H : I + lanes)...);
  return low + high;
}

/** Lane i is the sum of vector i, halves first. Overwrites the vectors. */
template <int H = lanes / 2>
INLINE Vf laneSums(Vf* vectors) {
#pragma GCC unroll 8
  for (int i = 0; i < H; i++) vectors[i] = foldHalves<H>(vectors[i], vectors[i + H], std::make_integer_sequence<int, lanes>());
  if constexpr (H > 1) return laneSums<H / 2>(vectors);
  else return vectors[0];
}

SCANLINE_KERNELS_END
