// A window that slides over the height and width of images [N, H, W, C]: what convolutions and pools share.
#pragma once

#include "layout.h"

SCANLINE_KERNELS_BEGIN

/** As `Window` of src/window.ts. Strides of the input in elements; channels lie side by side. */
struct Window {
  explicit Window(Reader& in)
      : images(in.integer()),
        height(in.integer()),
        width(in.integer()),
        channels(in.integer()),
        imageStride(in.integer()),
        rowStride(in.integer()),
        pixelStride(in.integer()),
        kernel(pair(in)),
        stride(pair(in)) {
    in.integer();
    top = in.integer();
    bottom = in.integer();
    left = in.integer();
    right = in.integer();
    dilation = pair(in);
    outHeight = in.integer();
    outWidth = in.integer();
  }

  struct Pair {
    int64_t y, x;
  };
  static Pair pair(Reader& in) {
    // Lists carry their length.
    in.integer();
    const int64_t y = in.integer();
    return {y, in.integer()};
  }

  int64_t images, height, width, channels;
  int64_t imageStride, rowStride, pixelStride;
  Pair kernel, stride;
  int64_t top, bottom, left, right;
  Pair dilation;
  int64_t outHeight, outWidth;
};

SCANLINE_KERNELS_END
