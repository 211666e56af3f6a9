// Which taps of a window lie inside the image.
#pragma once

#include <algorithm>

#include "window.h"

SCANLINE_KERNELS_BEGIN

struct Range {
  int64_t begin, end;
  int64_t count() const { return end - begin; }
};

/** Taps of output position `o` along an axis of `length` that meet it. */
INLINE Range tapsInside(int64_t o, int64_t taps, int64_t length, int64_t stride, int64_t dilation, int64_t before) {
  const int64_t first = o * stride - before;
  const int64_t begin = first < 0 ? ceilDiv(-first, dilation) : 0;
  const int64_t end = first >= length ? 0 : std::min(taps, (length - 1 - first) / dilation + 1);
  return {std::min(begin, std::max(begin, end)), std::max(begin, end)};
}

SCANLINE_KERNELS_END
