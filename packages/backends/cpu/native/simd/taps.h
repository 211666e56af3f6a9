// Which taps of a window lie inside the image, from the output's side and from the input's.
#pragma once

#include <algorithm>

#include "window.h"

SCANLINE_KERNELS_BEGIN

/** Taps `first` up to `end` lie inside; tap 0 would read position `origin`, which may be outside. */
struct Taps {
  int64_t first, end, origin;
  int64_t count() const { return end - first; }
};

INLINE Taps tapsInside(int64_t origin, int64_t taps, int64_t dilation, int64_t length) {
  const int64_t first = origin < 0 ? ceilDiv(-origin, dilation) : 0;
  const int64_t end = origin < length ? std::min(taps, ceilDiv(length - origin, dilation)) : 0;
  return {first, std::max(first, end), origin};
}

INLINE Taps rowTaps(const Window& w, int64_t y) { return tapsInside(y * w.stride.y - w.top, w.kernel.y, w.dilation.y, w.height); }
INLINE Taps columnTaps(const Window& w, int64_t x) { return tapsInside(x * w.stride.x - w.left, w.kernel.x, w.dilation.x, w.width); }

/** The output that reads position `i` by a tap, along one axis; -1 if there is none. */
INLINE int64_t readerOf(int64_t i, int64_t tap, int64_t before, int64_t stride, int64_t dilation, int64_t outputs) {
  const int64_t at = i + before - tap * dilation;
  return at >= 0 && at % stride == 0 && at / stride < outputs ? at / stride : -1;
}

/** `visit(oy, ox, ky, kx)` for every output of an image, and its tap, that reads a pixel. */
template <class Visit>
INLINE void eachReader(const Window& w, int64_t y, int64_t x, Visit visit) {
  for (int64_t ky = 0; ky < w.kernel.y; ky++) {
    const int64_t oy = readerOf(y, ky, w.top, w.stride.y, w.dilation.y, w.outHeight);
    if (oy < 0) continue;
    for (int64_t kx = 0; kx < w.kernel.x; kx++) {
      const int64_t ox = readerOf(x, kx, w.left, w.stride.x, w.dilation.x, w.outWidth);
      if (ox >= 0) visit(oy, ox, ky, kx);
    }
  }
}

/** `visit(channel, n)` for every vector of a pixel's channels, of which `n` lanes exist. */
template <class Visit>
INLINE void eachChannels(int64_t channels, Visit visit) {
  int64_t c = 0;
  for (; c + lanes <= channels; c += lanes) visit(c, lanes);
  if (c < channels) visit(c, static_cast<int>(channels - c));
}

SCANLINE_KERNELS_END
