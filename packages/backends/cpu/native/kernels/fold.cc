// col2im: every pixel gathers the taps that were read from it.
#include "../simd/taps.h"

SCANLINE_KERNELS_BEGIN

namespace {

/** An item is a pixel of the image. */
class Fold : public Kernel {
 public:
  explicit Fold(Reader& in) : window_(in) {
    const Window& w = window_;
    items = w.channels == 0 ? 0 : w.images * w.height * w.width;
    cost = 30 + static_cast<double>(w.kernel.y * w.kernel.x * (6 + 2 * ceilDiv(w.channels, lanes)));
  }

  void run(std::byte* const* args, const Share& share) const override {
    const Window& w = window_;
    for (int64_t item = share.begin; item < share.end; item++) {
      const int64_t image = item / w.width / w.height;
      float* const to = as<float>(args[1]) + item * w.channels;
      std::fill_n(to, w.channels, 0.0f);
      eachReader(w, item / w.width % w.height, item % w.width, [&](int64_t oy, int64_t ox, int64_t ky, int64_t kx) {
        const int64_t pixel = (image * w.outHeight + oy) * w.outWidth + ox;
        const float* const tap = as<float>(args[0]) + ((pixel * w.kernel.y + ky) * w.kernel.x + kx) * w.channels;
        eachChannels(w.channels, [&](int64_t c, int n) { storeLanes(to + c, loadLanes(to + c, n) + loadLanes(tap + c, n), n); });
      });
    }
  }

 private:
  Window window_;
};

}  // namespace

KERNEL(fold, Fold)

SCANLINE_KERNELS_END
