#include "gemm.h"

#include <utility>

SCANLINE_KERNELS_BEGIN

namespace {

template <int V, size_t... R>
Tile pick(int rows, std::index_sequence<R...>) {
  static constexpr Tile tiles[] = {tile<static_cast<int>(R) + 1, V>...};
  return tiles[rows - 1];
}

}  // namespace

Tile tileOf(int rows, int vectors) {
  switch (vectors) {
    case 1:
      return pick<1>(rows, std::make_index_sequence<tileRows[1]>());
    case 2:
      return pick<2>(rows, std::make_index_sequence<tileRows[2]>());
    default:
      return pick<panelVectors>(rows, std::make_index_sequence<tileRows[panelVectors]>());
  }
}

SCANLINE_KERNELS_END
