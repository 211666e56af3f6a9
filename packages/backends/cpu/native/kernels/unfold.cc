// im2col: zeros where a tap falls outside.
#include "../simd/taps.h"

SCANLINE_KERNELS_BEGIN

namespace {

/** An item is one row of taps of one output pixel. */
class Unfold : public Kernel {
 public:
  explicit Unfold(Reader& in) : window_(in) {
    const Window& w = window_;
    items = w.channels == 0 ? 0 : w.images * w.outHeight * w.outWidth * w.kernel.y;
    cost = 20 + static_cast<double>(w.kernel.x * (5 + w.channels / lanes));
  }

  void run(std::byte* const* args, const Share& share) const override {
    const Window& w = window_;
    const int64_t length = w.kernel.x * w.channels;
    for (int64_t item = share.begin; item < share.end; item++) {
      const int64_t ky = item % w.kernel.y;
      const int64_t pixel = item / w.kernel.y;
      const int64_t image = pixel / w.outWidth / w.outHeight;
      float* const to = as<float>(args[1]) + item * length;
      const Taps columns = columnTaps(w, pixel % w.outWidth);
      const int64_t y = pixel / w.outWidth % w.outHeight * w.stride.y - w.top + ky * w.dilation.y;
      if (y < 0 || y >= w.height) {
        std::fill_n(to, length, 0.0f);
        continue;
      }
      const float* const row = as<float>(args[0]) + image * w.imageStride + y * w.rowStride;
      std::fill_n(to, columns.first * w.channels, 0.0f);
      for (int64_t kx = columns.first; kx < columns.end; kx++)
        std::memcpy(to + kx * w.channels, row + (columns.origin + kx * w.dilation.x) * w.pixelStride,
                    sizeof(float) * static_cast<size_t>(w.channels));
      std::fill(to + columns.end * w.channels, to + length, 0.0f);
    }
  }

 private:
  Window window_;
};

}  // namespace

KERNEL(unfold, Unfold)

SCANLINE_KERNELS_END
