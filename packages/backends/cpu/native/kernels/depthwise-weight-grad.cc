// The gradient of a depthwise weight: for every tap the sum over all pixels of input × gradient. An item is a vector of
// channels and a row of taps; a row of the image is summed in registers, rows are added in doubles.
#include <algorithm>

#include "../simd/window.h"

SCANLINE_KERNELS_BEGIN

namespace {

/** Taps of a row that are summed together. */
constexpr int held = 7;

class DepthwiseConv2dWeightGrad : public Kernel {
 public:
  explicit DepthwiseConv2dWeightGrad(Reader& in) : window_(in) {
    const Window& w = window_;
    items = ceilDiv(w.channels, lanes) * w.kernel.y;
    cost = static_cast<double>(w.images * w.outHeight * w.outWidth) * (1.2 * static_cast<double>(w.kernel.x) + 2);
  }

  void run(std::byte* const* args, const Share& share) const override {
    const Window& w = window_;
    for (int64_t item = share.begin; item < share.end; item++) {
      const int64_t channel = item / w.kernel.y * lanes;
      const int64_t ky = item % w.kernel.y;
      const int n = static_cast<int>(std::min<int64_t>(lanes, w.channels - channel));
      for (int64_t kx = 0; kx < w.kernel.x; kx += held) {
        const int taps = static_cast<int>(std::min<int64_t>(held, w.kernel.x - kx));
        double sums[held][lanes] = {};
        sumTaps(as<float>(args[0]) + channel, as<float>(args[1]) + channel, ky, kx, taps, n, sums);
        float* const out = as<float>(args[2]) + ky * w.kernel.x + kx;
        for (int t = 0; t < taps; t++)
          for (int l = 0; l < n; l++) out[(channel + l) * w.kernel.y * w.kernel.x + t] = static_cast<float>(sums[t][l]);
      }
    }
  }

 private:
  void sumTaps(const float* x, const float* g, int64_t ky, int64_t kx, int taps, int n, double (&sums)[held][lanes]) const {
    const Window& w = window_;
    for (int64_t image = 0; image < w.images; image++) {
      for (int64_t y = 0; y < w.outHeight; y++) {
        const int64_t row = y * w.stride.y + ky * w.dilation.y - w.top;
        if (row < 0 || row >= w.height) continue;
        Vf rowSums[held] = {};
        const float* const from = x + image * w.imageStride + row * w.rowStride;
        const float* grad = g + (image * w.outHeight + y) * w.outWidth * w.channels;
        for (int64_t ox = 0; ox < w.outWidth; ox++, grad += w.channels) {
          const Vf value = n == lanes ? load(grad) : load(grad, n);
          const int64_t column = ox * w.stride.x + kx * w.dilation.x - w.left;
          if (taps == held && n == lanes && column >= 0 && column + (held - 1) * w.dilation.x < w.width) {
#pragma GCC unroll 8
            for (int t = 0; t < held; t++)
              rowSums[t] = fma(load(from + (column + t * w.dilation.x) * w.pixelStride), value, rowSums[t]);
          } else {
            for (int t = 0; t < taps; t++) {
              const int64_t at = column + t * w.dilation.x;
              if (at >= 0 && at < w.width) rowSums[t] = fma(load(from + at * w.pixelStride, n), value, rowSums[t]);
            }
          }
        }
        for (int t = 0; t < taps; t++)
          for (int l = 0; l < lanes; l++) sums[t][l] += static_cast<double>(rowSums[t][l]);
      }
    }
  }

  Window window_;
};

}  // namespace

KERNEL(depthwiseConv2dWeightGrad, DepthwiseConv2dWeightGrad)

SCANLINE_KERNELS_END
