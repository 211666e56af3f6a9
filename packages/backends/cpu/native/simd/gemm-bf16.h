// Register tiles over bfloat16 pairs, summed in f32: two products for each lane and instruction.
#pragma once

#include "elements.h"
#include "gemm.h"

SCANLINE_KERNELS_BEGIN

/** Whether this level was compiled with them; whether the processor has them is another question (`Level::brain`). */
constexpr bool hasBrainTiles =
#if defined(__AVX512F__)
    true;
#else
    false;
#endif

/** Elements [2 k] and [2 k + 1] of a row or column: what one lane of an instruction takes. */
using Pair = uint32_t;

INLINE int64_t pairsOf(int64_t depth) { return (depth + 1) / 2; }

/** `depth` numbers as pairs, the last filled up with zero. */
inline void toPairs(const float* from, int64_t depth, Pair* to) {
  auto* const halves = reinterpret_cast<Brain*>(to);
  for (int64_t i = 0; i < depth; i++) halves[i] = toBrain(from[i]);
  if (depth % 2) halves[depth] = {0};
}

/** The tile of a shape: `Left::rows` are rows of pairs, `Left::depth` counts pairs, and so does the panel. */
Tile brainTileOf(int rows, int vectors);

SCANLINE_KERNELS_END
