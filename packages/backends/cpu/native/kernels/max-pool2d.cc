// The largest element of each window.
#include "../simd/math.h"
#include "../simd/pool.h"

SCANLINE_KERNELS_BEGIN

namespace {

/** An item is an output pixel. */
class MaxPool2d : public Kernel {
 public:
  explicit MaxPool2d(Reader& in) : window_(in) {
    items = poolItems(window_);
    cost = poolCost(window_);
  }

  void run(std::byte* const* args, const Share& share) const override {
    for (int64_t item = share.begin; item < share.end; item++)
      poolPixel(window_, as<float>(args[0]), as<float>(args[1]), item, -infinity, [](Vf a, Vf b) { return max(a, b); },
                [](Vf x, const Taps&, const Taps&) { return x; });
  }

 private:
  Window window_;
};

}  // namespace

KERNEL(maxPool2d, MaxPool2d)

SCANLINE_KERNELS_END
