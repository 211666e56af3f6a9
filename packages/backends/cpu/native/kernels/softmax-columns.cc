// Softmax over the last axis but one, and the epilogue: three passes over a group of columns, which stays in cache.
#include "../simd/epilogue.h"
#include "../simd/layout.h"
#include "../simd/softmax.h"

SCANLINE_KERNELS_BEGIN

namespace {

/** Columns of an item: a cache line or two vectors. */
constexpr int64_t group = 2 * lanes;

/** Rows that are summed before their sum is added to the total, which keeps rounding errors small. */
constexpr int64_t stretch = 32;

/** Rows that the epilogue takes at a time. */
constexpr int64_t epilogueRows = blockLength / group;

/** An item is a group of columns of one matrix. */
class SoftmaxColumns : public Kernel {
 public:
  explicit SoftmaxColumns(Reader& in)
      : dims_(in.integers()),
        strides_(in.list([](Reader& one) { return one.integers(); })),
        length_(in.integer()),
        columns_(in.integer()),
        rowStride_(in.integer()),
        epilogue_(in),
        groups_(ceilDiv(columns_, group)) {
    items = length_ == 0 ? 0 : product(dims_) * groups_;
    cost = 2 * static_cast<double>(length_) * (26 + epilogue_.cost());
    scratch = epilogue_.scratch();
  }

  void run(std::byte* const* args, const Share& share) const override {
    const size_t extraCount = epilogue_.extraCount();
    for (int64_t item = share.begin; item < share.end; item++) {
      const int64_t matrix = item / groups_;
      const int64_t column = item % groups_ * group;
      const int columns = static_cast<int>(std::min(group, columns_ - column));
      const float* const x = as<float>(args[0]) + offsetOf(matrix, dims_, strides_[0]) + column;
      float* const out = as<float>(args[1 + extraCount]) + matrix * length_ * columns_;
      const float* extras[maxOperands];
      for (size_t k = 0; k < extraCount; k++) extras[k] = as<float>(args[1 + k]) + offsetOf(matrix, dims_, strides_[1 + k]);
      Vf scales[2];
      powers(x, out + column, columns, scales);
      for (int64_t row = 0; row < length_; row += epilogueRows) {
        const int rows = static_cast<int>(std::min(epilogueRows, length_ - row));
        epilogue_.run([&](const Target& target) { weights(out + row * columns_ + column, rows, scales, target); }, rows, columns, out,
                      columns_, extras, row, column, share.scratch);
      }
    }
  }

 private:
  /** `visit(v, n)` for the vectors of a row of a group, of which `n` lanes exist. */
  template <class Visit>
  INLINE static void each(int columns, Visit visit) {
    for (int v = 0; v * lanes < columns; v++) visit(v, std::min(lanes, columns - v * lanes));
  }

  void powers(const float* x, float* out, int columns, Vf* scales) const {
    Vf peaks[2] = {splat(-infinity), splat(-infinity)};
    for (int64_t row = 0; row < length_; row++)
      each(columns, [&](int v, int n) { peaks[v] = atLeast(load(x + row * rowStride_ + v * lanes, n), peaks[v]); });
    Vf totals[2] = {};
    for (int64_t first = 0; first < length_; first += stretch) {
      Vf sums[2] = {};
      for (int64_t row = first; row < std::min(first + stretch, length_); row++)
        each(columns, [&](int v, int n) {
          const Vf power = exp(load(x + row * rowStride_ + v * lanes, n) - peaks[v]);
          storeLanes(out + row * columns_ + v * lanes, power, n);
          sums[v] += power;
        });
      for (int v = 0; v < 2; v++) totals[v] += sums[v];
    }
    for (int v = 0; v < 2; v++) scales[v] = 1.0f / totals[v];
  }

  void weights(const float* from, int rows, const Vf* scales, const Target& target) const {
    for (int row = 0; row < rows; row++)
      each(target.columns, [&](int v, int n) {
        Vf weight = load(from + row * columns_ + v * lanes, n) * scales[v];
        for (int a = 0; a < target.addendCount; a++)
          weight += load(target.addends[a].at + row * target.addends[a].stride + v * lanes, n);
        storeLanes(target.out + row * target.stride + v * lanes, weight, n);
      });
  }

  /** Axes that pick a matrix, and the strides along them of the input and the epilogue's. */
  std::vector<int64_t> dims_;
  std::vector<std::vector<int64_t>> strides_;
  int64_t length_;
  int64_t columns_;
  int64_t rowStride_;
  Epilogue epilogue_;
  int64_t groups_;
};

}  // namespace

KERNEL(softmaxColumns, SoftmaxColumns)

SCANLINE_KERNELS_END
