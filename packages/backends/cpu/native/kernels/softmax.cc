// Softmax over rows, and its logarithm.
#include "../simd/softmax.h"

#include "../simd/layout.h"

SCANLINE_KERNELS_BEGIN

namespace {

/** An item is a row. */
class Softmax : public Kernel {
 public:
  explicit Softmax(Reader& in) : logarithm_(in.flag()), dims_(in.integers()), strides_(in.integers()), length_(in.integer()) {
    items = length_ == 0 ? 0 : product(dims_);
    cost = 30 + 22.0 * static_cast<double>(length_) / lanes;
  }

  void run(std::byte* const* args, const Share& share) const override {
    for (int64_t row = share.begin; row < share.end; row++) {
      const float* const from = as<float>(args[0]) + offsetOf(row, dims_, strides_);
      float* const to = as<float>(args[1]) + row * length_;
      if (logarithm_) logarithms(from, to);
      else weights(from, to);
    }
  }

 private:
  void weights(const float* from, float* to) const {
    const Vf peak = splat(peakOf(from, length_));
    const float total = sumPowers(from, length_, [&](Vf x) { return exp(x - peak); },
                                  [&](int64_t i, Vf p, int n) { storeLanes(to + i, p, n); });
    const Vf scale = splat(1 / total);
    each([&](int64_t i, int n) { storeLanes(to + i, load(to + i, n) * scale, n); });
  }

  void logarithms(const float* from, float* to) const {
    const Vf peak = splat(peakOf(from, length_));
    const float total = sumPowers(from, length_, [&](Vf x) { return exp(x - peak); }, [](int64_t, Vf, int) {});
    const Vf logarithm = splat(static_cast<float>(std::log(static_cast<double>(total))));
    each([&](int64_t i, int n) { storeLanes(to + i, load(from + i, n) - peak - logarithm, n); });
  }

  template <class Visit>
  INLINE void each(Visit visit) const {
    int64_t i = 0;
    for (; i + lanes <= length_; i += lanes) visit(i, lanes);
    if (i < length_) visit(i, static_cast<int>(length_ - i));
  }

  bool logarithm_;
  /** Axes that pick a row, and the input's strides along them. */
  std::vector<int64_t> dims_;
  std::vector<int64_t> strides_;
  int64_t length_;
};

}  // namespace

KERNEL(softmax, Softmax)

SCANLINE_KERNELS_END
