// The outputs that an element of an image took part in: what gradients of windows gather from.
#pragma once

#include "window.h"

SCANLINE_KERNELS_BEGIN

/** `visit(output, tap)` for every output position along one axis that saw `at` under one of its taps. */
template <class Visit>
INLINE void eachOutput(int64_t at, int64_t taps, int64_t outputs, int64_t stride, int64_t dilation, int64_t before, Visit visit) {
  for (int64_t tap = 0; tap < taps; tap++) {
    const int64_t scaled = at + before - tap * dilation;
    if (scaled >= 0 && scaled % stride == 0 && scaled / stride < outputs) visit(scaled / stride, tap);
  }
}

/** `visit(oy, ox, ky, kx)` for every output of the window that saw pixel (y, x). */
template <class Visit>
INLINE void eachOutput(const Window& w, int64_t y, int64_t x, Visit visit) {
  eachOutput(y, w.kernel.y, w.outHeight, w.stride.y, w.dilation.y, w.top, [&](int64_t oy, int64_t ky) {
    eachOutput(x, w.kernel.x, w.outWidth, w.stride.x, w.dilation.x, w.left, [&](int64_t ox, int64_t kx) { visit(oy, ox, ky, kx); });
  });
}

SCANLINE_KERNELS_END
