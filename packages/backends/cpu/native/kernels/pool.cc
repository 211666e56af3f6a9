// The largest element or the mean of each window.
#include <algorithm>

#include "../simd/math.h"
#include "../simd/pooling.h"

SCANLINE_KERNELS_BEGIN

namespace {

class Pool : public Kernel {
 public:
  explicit Pool(Reader& in) : window_(in), largest_(in.name() == "max"_name), countPadding_(in.flag()) {
    const Window& w = window_;
    items = w.images * w.outHeight * w.outWidth;
    cost = static_cast<double>(w.kernel.y * w.kernel.x) * (4 + 2 * static_cast<double>(w.channels) / lanes);
  }

  void run(std::byte* const* args, const Share& share) const override {
    const Window& w = window_;
    for (int64_t item = share.begin; item < share.end; item++) {
      const int64_t ox = item % w.outWidth;
      const int64_t oy = item / w.outWidth % w.outHeight;
      const float* const image = as<float>(args[0]) + item / w.outWidth / w.outHeight * w.imageStride;
      const Range ys = tapsInside(oy, w.kernel.y, w.height, w.stride.y, w.dilation.y, w.top);
      const Range xs = tapsInside(ox, w.kernel.x, w.width, w.stride.x, w.dilation.x, w.left);
      const float* const first = image + (oy * w.stride.y - w.top) * w.rowStride + (ox * w.stride.x - w.left) * w.pixelStride;
      const float weight = 1.0f / static_cast<float>(countPadding_ ? w.kernel.y * w.kernel.x : ys.count() * xs.count());
      float* const out = as<float>(args[1]) + item * w.channels;
      for (int64_t c = 0; c < w.channels; c += lanes) {
        const int n = static_cast<int>(std::min<int64_t>(lanes, w.channels - c));
        Vf all = largest_ ? splat(-infinity) : Vf{};
        for (int64_t ky = ys.begin; ky < ys.end; ky++)
          for (int64_t kx = xs.begin; kx < xs.end; kx++) {
            const float* const from = first + ky * w.dilation.y * w.rowStride + kx * w.dilation.x * w.pixelStride + c;
            const Vf x = n == lanes ? load(from) : load(from, n);
            all = largest_ ? max(all, x) : all + x;
          }
        if (!largest_) all *= weight;
        if (n == lanes) store(out + c, all);
        else store(out + c, all, n);
      }
    }
  }

 private:
  Window window_;
  bool largest_;
  bool countPadding_;
};

}  // namespace

KERNEL(pool, Pool)

SCANLINE_KERNELS_END
