// Softmax of rows, or its logarithm.
#include <algorithm>
#include <cmath>

#include "../simd/layout.h"
#include "../simd/math.h"

SCANLINE_KERNELS_BEGIN

namespace {

/** Rows of an item. */
constexpr int64_t block = 4;

class Softmax : public Kernel {
 public:
  explicit Softmax(Reader& in) : logarithm_(in.flag()), rows_(in.integer()), columns_(in.integer()), stride_(in.integer()) {
    items = ceilDiv(rows_, block);
    cost = static_cast<double>(block) * (40 + 26 * static_cast<double>(columns_) / lanes);
  }

  void run(std::byte* const* args, const Share& share) const override {
    const int64_t end = std::min(share.end * block, rows_);
    for (int64_t row = share.begin * block; row < end; row++)
      normalise(as<float>(args[0]) + row * stride_, as<float>(args[1]) + row * columns_);
  }

 private:
  void normalise(const float* x, float* out) const {
    const int64_t whole = columns_ / lanes * lanes;
    const int rest = static_cast<int>(columns_ - whole);
    const Vf lowest = splat(-infinity);
    Vf peaks = lowest;
    for (int64_t i = 0; i < whole; i += lanes) peaks = max(peaks, load(x + i));
    if (rest > 0) peaks = max(peaks, firstOr(load(x + whole, rest), rest, lowest));
    float peak = -infinity;
    for (int l = 0; l < lanes; l++) peak = peaks[l] != peaks[l] || peaks[l] > peak ? peaks[l] : peak;
    // Not a number stays: nothing is larger, and differences with it are none either.
    for (int l = 0; l < lanes; l++)
      if (peaks[l] != peaks[l]) peak = peaks[l];

    Vf totals = {};
    for (int64_t i = 0; i < whole; i += lanes) totals += power(x + i, lanes, peak, out + i);
    if (rest > 0) totals += keep(power(x + whole, rest, peak, out + whole), rest);
    const float total = sum(totals);
    const float scale = 1.0f / total;
    const float shift = peak + std::log(total);
    for (int64_t i = 0; i < whole; i += lanes) store(out + i, logarithm_ ? load(x + i) - shift : load(out + i) * scale);
    if (rest > 0) store(out + whole, logarithm_ ? load(x + whole, rest) - shift : load(out + whole, rest) * scale, rest);
  }

  INLINE Vf power(const float* x, int n, float peak, float* out) const {
    const Vf y = exp((n == lanes ? load(x) : load(x, n)) - peak);
    if (logarithm_) return y;
    if (n == lanes) store(out, y);
    else store(out, y, n);
    return y;
  }

  INLINE static Vf firstOr(Vf x, int n, Vf other) {
    const Vi inside = bits(keep(floats(Vi{} - 1), n));
    return inside ? x : other;
  }

  bool logarithm_;
  int64_t rows_;
  int64_t columns_;
  int64_t stride_;
};

}  // namespace

KERNEL(softmax, Softmax)

SCANLINE_KERNELS_END
