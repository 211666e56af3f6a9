// The parts of a softmax over a row: its largest element, and the sum of powers relative to that.
#pragma once

#include <algorithm>

#include "math.h"

SCANLINE_KERNELS_BEGIN

/** 0, 1, 2, … */
INLINE Vi laneNumbers() {
  Vi all;
  for (int l = 0; l < lanes; l++) all[l] = l;
  return all;
}

/** `x` with zeros after the first `n` lanes. */
INLINE Vf firstLanesOf(Vf x, int n) { return laneNumbers() < n ? x : Vf{}; }

/** -Infinity for no elements. A NaN may be passed over: it comes back with the sum of the powers. */
inline float peakOf(const float* row, int64_t n) {
  Vf most[4];
  for (Vf& one : most) one = splat(-infinity);
  int64_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes)
    for (int v = 0; v < 4; v++) most[v] = atLeast(load(row + i + v * lanes), most[v]);
  for (; i + lanes <= n; i += lanes) most[0] = atLeast(load(row + i), most[0]);
  if (i < n) {
    const int rest = static_cast<int>(n - i);
    most[1] = atLeast(laneNumbers() < rest ? load(row + i, rest) : splat(-infinity), most[1]);
  }
  return foldLanes(atLeast(atLeast(most[0], most[1]), atLeast(most[2], most[3])), [](Vf a, Vf b) { return atLeast(a, b); });
}

/** Vectors that are added up before their sum goes to the total, which keeps rounding errors small. */
constexpr int64_t sumStretch = 64;

/** Σ power(x) over a row; `visit(i, p, n)` for every vector of powers, of which `n` lanes exist. */
template <class Power, class Visit>
INLINE float sumPowers(const float* row, int64_t n, Power power, Visit visit) {
  Vf total = {};
  int64_t i = 0;
  while (i + lanes <= n) {
    const int64_t end = std::min(n - lanes, i + (sumStretch - 1) * lanes);
    Vf sums[4] = {};
    for (; i + 3 * lanes <= end; i += 4 * lanes)
      for (int v = 0; v < 4; v++) {
        const Vf p = power(load(row + i + v * lanes));
        visit(i + v * lanes, p, lanes);
        sums[v] += p;
      }
    for (; i <= end; i += lanes) {
      const Vf p = power(load(row + i));
      visit(i, p, lanes);
      sums[0] += p;
    }
    total += (sums[0] + sums[1]) + (sums[2] + sums[3]);
  }
  if (i < n) {
    const int rest = static_cast<int>(n - i);
    const Vf p = firstLanesOf(power(load(row + i, rest)), rest);
    visit(i, p, rest);
    total += p;
  }
  return sum(total);
}

SCANLINE_KERNELS_END
