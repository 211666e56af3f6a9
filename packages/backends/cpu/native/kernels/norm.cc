// Layer norm and RMS norm of rows, of one input or of the sum of two, which is then stored too.
#include <algorithm>
#include <cmath>

#include "../simd/layout.h"
#include "../simd/vector.h"

SCANLINE_KERNELS_BEGIN

namespace {

/** Rows of an item. */
constexpr int64_t block = 8;

class Norm : public Kernel {
 public:
  explicit Norm(Reader& in)
      : centred_(in.name() == "layer"_name), rows_(in.integer()), columns_(in.integer()), inputs_(in.integers()), affine_(in.integer()), eps_(in.real()) {
    items = ceilDiv(rows_, block);
    cost = static_cast<double>(block) * (30 + 6 * static_cast<double>(columns_) / lanes);
  }

  void run(std::byte* const* args, const Share& share) const override {
    const size_t values = inputs_.size();
    const float* const weight = affine_ > 0 ? as<float>(args[values]) : nullptr;
    const float* const bias = affine_ > 1 ? as<float>(args[values + 1]) : nullptr;
    std::byte* const* const outputs = args + values + affine_;
    const int64_t end = std::min(share.end * block, rows_);
    for (int64_t row = share.begin * block; row < end; row++) {
      const float* x = as<float>(args[0]) + row * inputs_[0];
      if (values > 1) {
        float* const total = as<float>(outputs[1]) + row * columns_;
        add(x, as<float>(args[1]) + row * inputs_[1], total);
        x = total;
      }
      normalise(x, weight, bias, as<float>(outputs[0]) + row * columns_);
    }
  }

 private:
  /** `visit(i, n)` for every vector of a row, of which `n` lanes exist. */
  template <class Visit>
  INLINE void eachVector(Visit visit) const {
    int64_t i = 0;
    for (; i + lanes <= columns_; i += lanes) visit(i, lanes);
    if (i < columns_) visit(i, static_cast<int>(columns_ - i));
  }

  INLINE static Vf some(const float* p, int n) { return n == lanes ? load(p) : load(p, n); }
  INLINE static void put(float* p, Vf x, int n) {
    if (n == lanes) store(p, x);
    else store(p, x, n);
  }

  void add(const float* x, const float* residual, float* out) const {
    eachVector([&](int64_t i, int n) { put(out + i, some(x + i, n) + some(residual + i, n), n); });
  }

  void normalise(const float* x, const float* weight, const float* bias, float* out) const {
    const auto count = static_cast<float>(columns_);
    float mean = 0;
    if (centred_) {
      Vf sums[2] = {};
      eachVector([&](int64_t i, int n) { sums[i / lanes & 1] += some(x + i, n); });
      mean = sum(sums[0] + sums[1]) / count;
    }
    Vf squares[2] = {};
    eachVector([&](int64_t i, int n) {
      const Vf centred = some(x + i, n) - mean;
      // Lanes that do not exist must not count.
      const Vf d = n == lanes ? centred : keep(centred, n);
      squares[i / lanes & 1] = fma(d, d, squares[i / lanes & 1]);
    });
    const float scale = 1.0f / std::sqrt(sum(squares[0] + squares[1]) / count + eps_);
    eachVector([&](int64_t i, int n) {
      Vf y = (some(x + i, n) - mean) * scale;
      if (weight) y = bias ? fma(y, some(weight + i, n), some(bias + i, n)) : y * some(weight + i, n);
      put(out + i, y, n);
    });
  }

  bool centred_;
  int64_t rows_;
  int64_t columns_;
  /** Elements from row to row, of each input that is summed. */
  std::vector<int64_t> inputs_;
  /** How many of weight and bias there are. */
  int64_t affine_;
  float eps_;
};

}  // namespace

KERNEL(norm, Norm)

SCANLINE_KERNELS_END
