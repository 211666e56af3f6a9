// Register tiles of a matrix product: rows of the left side by a panel of the packed right side.
//
// The right side [depth, columns] is packed into panels of 1 … `panelVectors` vectors of columns, each panel row after
// row; the last vector is filled up with zeros. Sums stay in registers over the whole depth, in one order for every tile
// shape: which rows are computed together does not show in the result.
#pragma once

#include <algorithm>

#include "vector.h"

SCANLINE_KERNELS_BEGIN

// Vectors of a panel, and rows of a tile for each width: sums, a row of the panel and a left element fill the registers
// (32 of them in AVX-512 and NEON, 16 in AVX2).
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int panelVectors = 3;
constexpr int tileRows[panelVectors + 1] = {0, 12, 12, 8};
#else
constexpr int panelVectors = 2;
constexpr int tileRows[panelVectors + 1] = {0, 8, 6};
#endif
constexpr int maxTileRows = 12;

/** How the columns of a packed matrix are cut into panels: as even as whole vectors allow. */
class Panels {
 public:
  explicit Panels(int64_t columns)
      : columns_(columns),
        vectors_((columns + lanes - 1) / lanes),
        count_((vectors_ + panelVectors - 1) / panelVectors),
        least_(count_ > 0 ? vectors_ / count_ : 0),
        wider_(count_ > 0 ? vectors_ % count_ : 0) {}

  int64_t count() const { return count_; }
  /** Columns that are stored, zeros included. */
  int64_t padded() const { return vectors_ * lanes; }
  /** The first column of a panel; times the depth, where it lies in the packed matrix. */
  int64_t begin(int64_t panel) const { return (panel * least_ + std::min(panel, wider_)) * lanes; }
  int vectors(int64_t panel) const { return static_cast<int>(least_ + (panel < wider_ ? 1 : 0)); }
  /** Columns of the panel that exist. */
  int columns(int64_t panel) const {
    return static_cast<int>(std::min<int64_t>(vectors(panel) * lanes, columns_ - begin(panel)));
  }

 private:
  int64_t columns_;
  int64_t vectors_;
  int64_t count_;
  int64_t least_;
  /** Panels at the front that have one vector more. */
  int64_t wider_;
};

/** Rows of so many elements, `stride` apart. */
struct Rows {
  const float* at;
  int64_t stride;
};

constexpr int maxAddends = 4;

/** The left side of a tile: for each segment of the depth, where it begins in every row. */
struct Left {
  /** [segments][rows of the tile] */
  const float* const* rows;
  int segments;
  /** Elements of a segment. */
  int64_t depth;
};

/** Where a tile's results go, after what is added to them. */
struct Target {
  float* out;
  int64_t stride;
  /** Columns that exist. */
  int columns;
  const Rows* addends;
  int addendCount;
};

using Tile = void (*)(const Left& left, const float* panel, const Target& target);

/**
 * Steps of the depth that are added up in registers before their sums go to totals: the rounding errors of one long chain
 * grow with the root of its length, to 4e-7 at 768 steps, and those of gradients of weights, over all pixels, to 5e-6.
 */
constexpr int64_t stretch = 64;

template <int R, int V>
void tile(const Left& left, const float* panel, const Target& target) {
  Vf sums[R][V] = {};
  // Of whole stretches, once there is one.
  Vf totals[R][V];
  bool several = false;
  int64_t room = stretch;
  for (int s = 0; s < left.segments; s++) {
    const float* row[R];
#pragma GCC unroll 12
    for (int r = 0; r < R; r++) row[r] = left.rows[s * R + r];
    for (int64_t k = 0; k < left.depth;) {
      const int64_t end = std::min(left.depth, k + room);
      room -= end - k;
      for (; k < end; k++, panel += V * lanes) {
        Vf right[V];
#pragma GCC unroll 3
        for (int v = 0; v < V; v++) right[v] = load(panel + v * lanes);
#pragma GCC unroll 12
        for (int r = 0; r < R; r++) {
          const Vf one = splat(row[r][k]);
#pragma GCC unroll 3
          for (int v = 0; v < V; v++) sums[r][v] = fma(one, right[v], sums[r][v]);
        }
      }
      if (room > 0) continue;
      room = stretch;
#pragma GCC unroll 12
      for (int r = 0; r < R; r++) {
#pragma GCC unroll 3
        for (int v = 0; v < V; v++) {
          totals[r][v] = several ? totals[r][v] + sums[r][v] : sums[r][v];
          sums[r][v] = Vf{};
        }
      }
      several = true;
    }
  }
  if (several) {
#pragma GCC unroll 12
    for (int r = 0; r < R; r++) {
#pragma GCC unroll 3
      for (int v = 0; v < V; v++) sums[r][v] += totals[r][v];
    }
  }
  const int rest = target.columns - (V - 1) * lanes;
  for (int a = 0; a < target.addendCount; a++) {
    const Rows& addend = target.addends[a];
#pragma GCC unroll 12
    for (int r = 0; r < R; r++) {
      const float* const from = addend.at + r * addend.stride;
#pragma GCC unroll 3
      for (int v = 0; v < V; v++) sums[r][v] += v < V - 1 || rest == lanes ? load(from + v * lanes) : load(from + v * lanes, rest);
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < R; r++) {
    float* const to = target.out + r * target.stride;
#pragma GCC unroll 3
    for (int v = 0; v < V; v++) {
      if (v < V - 1 || rest == lanes) store(to + v * lanes, sums[r][v]);
      else store(to + v * lanes, sums[r][v], rest);
    }
  }
}

/** The tile of a shape; `rows` from 1 to `tileRows[vectors]`. */
Tile tileOf(int rows, int vectors);

SCANLINE_KERNELS_END
