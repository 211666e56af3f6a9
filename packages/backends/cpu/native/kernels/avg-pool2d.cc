// The mean of each window: of all its elements, padding being zeros, or of those inside.
#include "../simd/pool.h"

SCANLINE_KERNELS_BEGIN

namespace {

/** An item is an output pixel. */
class AvgPool2d : public Kernel {
 public:
  explicit AvgPool2d(Reader& in) : window_(in), countPadding_(in.flag()) {
    items = poolItems(window_);
    cost = poolCost(window_);
  }

  void run(std::byte* const* args, const Share& share) const override {
    for (int64_t item = share.begin; item < share.end; item++)
      poolPixel(window_, as<float>(args[0]), as<float>(args[1]), item, 0, [](Vf a, Vf b) { return a + b; },
                [&](Vf x, const Taps& rows, const Taps& columns) {
                  const int64_t count = countPadding_ ? window_.kernel.y * window_.kernel.x : rows.count() * columns.count();
                  // A dilated window may step over the whole image: its sum is 0.
                  return x / static_cast<float>(std::max<int64_t>(1, count));
                });
  }

 private:
  Window window_;
  bool countPadding_;
};

}  // namespace

KERNEL(avgPool2d, AvgPool2d)

SCANLINE_KERNELS_END
