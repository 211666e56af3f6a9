// Where elements lie: counting through axes.
#pragma once

#include "vector.h"

SCANLINE_KERNELS_BEGIN

/** Sum of coordinate × stride for item `index` of axes `dims`, the last of which runs fastest. */
INLINE int64_t offsetOf(int64_t index, const std::vector<int64_t>& dims, const std::vector<int64_t>& strides) {
  int64_t offset = 0;
  for (size_t axis = dims.size(); axis-- > 0;) {
    offset += index % dims[axis] * strides[axis];
    index /= dims[axis];
  }
  return offset;
}

INLINE int64_t product(const std::vector<int64_t>& dims) {
  int64_t all = 1;
  for (int64_t d : dims) all *= d;
  return all;
}

INLINE int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

SCANLINE_KERNELS_END
