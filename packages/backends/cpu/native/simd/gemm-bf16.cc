#include "gemm-bf16.h"

#include <stdexcept>
#include <utility>

SCANLINE_KERNELS_BEGIN

#if defined(__AVX512F__)

namespace {

// Not a flag of the whole file: the rest must run on processors without it.
#define BRAIN __attribute__((target("avx512bf16")))

template <int R, int V>
BRAIN void brainTile(const Left& left, const float* panel, const Target& target) {
  __m512 sums[R][V];
#pragma GCC unroll 12
  for (int r = 0; r < R; r++)
#pragma GCC unroll 3
    for (int v = 0; v < V; v++) sums[r][v] = _mm512_setzero_ps();
  const float* row[R];
#pragma GCC unroll 12
  for (int r = 0; r < R; r++) row[r] = left.rows[r];
  for (int64_t k = 0; k < left.depth; k++, panel += V * lanes) {
    __m512 right[V];
#pragma GCC unroll 3
    for (int v = 0; v < V; v++) right[v] = _mm512_loadu_ps(panel + v * lanes);
#pragma GCC unroll 12
    for (int r = 0; r < R; r++) {
      // A pair is moved as the f32 that has its bits.
      const __m512 one = _mm512_set1_ps(row[r][k]);
#pragma GCC unroll 3
      for (int v = 0; v < V; v++) sums[r][v] = _mm512_dpbf16_ps(sums[r][v], (__m512bh)one, (__m512bh)right[v]);
    }
  }
  const int rest = target.columns - (V - 1) * lanes;
#pragma GCC unroll 12
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 3
    for (int v = 0; v < V; v++) {
      Vf x = (Vf)sums[r][v];
      const bool whole = v < V - 1 || rest == lanes;
      for (int a = 0; a < target.addendCount; a++) {
        const float* const from = target.addends[a].at + r * target.addends[a].stride + v * lanes;
        x += whole ? load(from) : load(from, rest);
      }
      float* const to = target.out + r * target.stride + v * lanes;
      if (whole) store(to, x);
      else store(to, x, rest);
    }
  }
}

template <int V, size_t... R>
Tile pick(int rows, std::index_sequence<R...>) {
  static constexpr Tile tiles[] = {brainTile<static_cast<int>(R) + 1, V>...};
  return tiles[rows - 1];
}

}  // namespace

Tile brainTileOf(int rows, int vectors) {
  switch (vectors) {
    case 1:
      return pick<1>(rows, std::make_index_sequence<tileRows[1]>());
    case 2:
      return pick<2>(rows, std::make_index_sequence<tileRows[2]>());
    default:
      return pick<panelVectors>(rows, std::make_index_sequence<tileRows[panelVectors]>());
  }
}

#else

Tile brainTileOf(int, int) { throw std::runtime_error("there are no bfloat16 products for these instructions"); }

#endif

SCANLINE_KERNELS_END
