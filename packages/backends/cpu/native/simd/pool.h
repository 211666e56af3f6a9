// A window of each output pixel, combined channel by channel.
#pragma once

#include "taps.h"

SCANLINE_KERNELS_BEGIN

/** Output pixel `item`: `combine` folds the pixels inside, `finish(result, rows, columns)` gives what is stored. */
template <class Combine, class Finish>
INLINE void poolPixel(const Window& w, const float* from, float* to, int64_t item, float identity, Combine combine, Finish finish) {
  const int64_t image = item / w.outWidth / w.outHeight;
  const Taps rows = rowTaps(w, item / w.outWidth % w.outHeight);
  const Taps columns = columnTaps(w, item % w.outWidth);
  const float* const start = from + image * w.imageStride + rows.origin * w.rowStride + columns.origin * w.pixelStride;
  eachChannels(w.channels, [&](int64_t c, int n) {
    Vf result = splat(identity);
    for (int64_t ky = rows.first; ky < rows.end; ky++) {
      const float* const row = start + ky * w.dilation.y * w.rowStride + c;
      for (int64_t kx = columns.first; kx < columns.end; kx++)
        result = combine(result, loadLanes(row + kx * w.dilation.x * w.pixelStride, n));
    }
    storeLanes(to + item * w.channels + c, finish(result, rows, columns), n);
  });
}

/** Output pixels, and vector instructions for one. */
inline int64_t poolItems(const Window& w) { return w.channels == 0 ? 0 : w.images * w.outHeight * w.outWidth; }
inline double poolCost(const Window& w) {
  return 30 + static_cast<double>(ceilDiv(w.channels, lanes) * w.kernel.y * w.kernel.x) * 2;
}

SCANLINE_KERNELS_END
