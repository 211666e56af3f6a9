// The gradient of a mean over windows: every pixel gathers its share of the windows that it is in.
#include "../simd/taps.h"

SCANLINE_KERNELS_BEGIN

namespace {

/** An item is a pixel of the image. */
class AvgPool2dGrad : public Kernel {
 public:
  explicit AvgPool2dGrad(Reader& in) : window_(in), countPadding_(in.flag()) {
    const Window& w = window_;
    items = w.channels == 0 ? 0 : w.images * w.height * w.width;
    cost = 30 + static_cast<double>(w.kernel.y * w.kernel.x * (6 + 2 * ceilDiv(w.channels, lanes)));
  }

  void run(std::byte* const* args, const Share& share) const override {
    const Window& w = window_;
    for (int64_t item = share.begin; item < share.end; item++) {
      const int64_t image = item / w.width / w.height;
      const int64_t y = item / w.width % w.height;
      const int64_t x = item % w.width;
      float* const to = as<float>(args[1]) + item * w.channels;
      std::fill_n(to, w.channels, 0.0f);
      eachReader(w, y, x, [&](int64_t oy, int64_t ox, int64_t, int64_t) {
        const float* const g = as<float>(args[0]) + ((image * w.outHeight + oy) * w.outWidth + ox) * w.channels;
        const int64_t count = countPadding_ ? w.kernel.y * w.kernel.x : rowTaps(w, oy).count() * columnTaps(w, ox).count();
        const Vf share = splat(1 / static_cast<float>(count));
        eachChannels(w.channels, [&](int64_t c, int n) { storeLanes(to + c, fma(loadLanes(g + c, n), share, loadLanes(to + c, n)), n); });
      });
    }
  }

 private:
  Window window_;
  bool countPadding_;
};

}  // namespace

KERNEL(avgPool2dGrad, AvgPool2dGrad)

SCANLINE_KERNELS_END
