// The gradient of a maximum over windows: each output's gradient to the first of its window's largest elements.
#include "../simd/math.h"
#include "../simd/taps.h"

SCANLINE_KERNELS_BEGIN

namespace {

/** An item is a vector of channels of one image, so that every sum is made by one thread, in the order of the outputs. */
class MaxPool2dGrad : public Kernel {
 public:
  explicit MaxPool2dGrad(Reader& in) : window_(in), groups_(ceilDiv(window_.channels, lanes)) {
    const Window& w = window_;
    items = w.images * groups_;
    cost = static_cast<double>(w.height * w.width + w.outHeight * w.outWidth * (3 * lanes + 8 * w.kernel.y * w.kernel.x));
  }

  void run(std::byte* const* args, const Share& share) const override {
    const Window& w = window_;
    for (int64_t item = share.begin; item < share.end; item++) {
      const int64_t channel = item % groups_ * lanes;
      const int n = static_cast<int>(std::min<int64_t>(lanes, w.channels - channel));
      const int64_t image = item / groups_;
      const float* const x = as<float>(args[0]) + image * w.imageStride + channel;
      const float* g = as<float>(args[1]) + image * w.outHeight * w.outWidth * w.channels + channel;
      float* const to = as<float>(args[2]) + image * w.height * w.width * w.channels + channel;
      for (int64_t pixel = 0; pixel < w.height * w.width; pixel++) storeLanes(to + pixel * w.channels, Vf{}, n);
      for (int64_t oy = 0; oy < w.outHeight; oy++)
        for (int64_t ox = 0; ox < w.outWidth; ox++, g += w.channels) {
          const Vi winner = winners(x, rowTaps(w, oy), columnTaps(w, ox), n);
          // A dilated window may step over the whole image.
          if (winner[0] < 0) continue;
          for (int l = 0; l < n; l++) to[winner[l] * w.channels + l] += g[l];
        }
    }
  }

 private:
  /** The pixel where the largest element of each channel lies; -1 for none. */
  Vi winners(const float* x, const Taps& rows, const Taps& columns, int n) const {
    const Window& w = window_;
    Vf largest = splat(-infinity);
    Vi place = splat(-1);
    for (int64_t ky = rows.first; ky < rows.end; ky++)
      for (int64_t kx = columns.first; kx < columns.end; kx++) {
        const int64_t iy = rows.origin + ky * w.dilation.y;
        const int64_t ix = columns.origin + kx * w.dilation.x;
        const Vf value = loadLanes(x + iy * w.rowStride + ix * w.pixelStride, n);
        const Vi wins = (value > largest) | (value != value) | (place == -1);
        largest = wins ? value : largest;
        place = wins ? splat(static_cast<int32_t>(iy * w.width + ix)) : place;
      }
    return place;
  }

  Window window_;
  int64_t groups_;
};

}  // namespace

KERNEL(maxPool2dGrad, MaxPool2dGrad)

SCANLINE_KERNELS_END
