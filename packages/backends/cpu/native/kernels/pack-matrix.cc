// Matrices [depth, columns] as the panels that tiles read (simd/gemm.h).
#include "../simd/gemm-bf16.h"
#include "../simd/layout.h"

SCANLINE_KERNELS_BEGIN

namespace {

/** Rows that are packed at a time: a transposed matrix is read by whole cache lines. */
constexpr int64_t block = 64;

class PackMatrix : public Kernel {
 public:
  explicit PackMatrix(Reader& in)
      : dims_(in.integers()),
        strides_(in.integers()),
        rowDims_(in.integers()),
        rowStrides_(in.integers()),
        columns_(in.integer()),
        columnStride_(in.integer()),
        brain_(in.flag()),
        panels_(columns_),
        depth_(product(rowDims_)) {
    items = product(dims_) * panels_.count();
    cost = static_cast<double>(depth_ * panelVectors) * (columnStride_ == 1 ? 2 : lanes);
  }

  void run(std::byte* const* args, const Share& share) const override {
    for (int64_t item = share.begin; item < share.end; item++) {
      const int64_t panel = item % panels_.count();
      const int64_t matrix = item / panels_.count();
      const int64_t column = panels_.begin(panel);
      const float* const from = as<float>(args[0]) + offsetOf(matrix, dims_, strides_) + column * columnStride_;
      float* const to = as<float>(args[1]) + matrix * depth_ * panels_.padded() + column * depth_;
      const int width = panels_.vectors(panel) * lanes;
      const int columns = panels_.columns(panel);
      if (brain_) {
        packPairs(from, as<Brain>(args[1]) + 2 * (matrix * panels_.padded() + column) * pairsOf(depth_), width, columns);
        continue;
      }
      for (int64_t begin = 0; begin < depth_; begin += block) {
        const int64_t rows = std::min(block, depth_ - begin);
        int64_t starts[block];
        for (int64_t k = 0; k < rows; k++) starts[k] = offsetOf(begin + k, rowDims_, rowStrides_);
        float* const out = to + begin * width;
        if (columnStride_ == 1) {
          for (int64_t k = 0; k < rows; k++) {
            std::memcpy(out + k * width, from + starts[k], sizeof(float) * static_cast<size_t>(columns));
            std::fill(out + k * width + columns, out + (k + 1) * width, 0.0f);
          }
        } else {
          for (int c = 0; c < columns; c++)
            for (int64_t k = 0; k < rows; k++) out[k * width + c] = from[starts[k] + c * columnStride_];
          for (int c = columns; c < width; c++)
            for (int64_t k = 0; k < rows; k++) out[k * width + c] = 0;
        }
      }
    }
  }

 private:
  /** Rows 2 k and 2 k + 1 of a column side by side; zeros fill up. */
  void packPairs(const float* from, Brain* to, int width, int columns) const {
    for (int64_t k = 0; k < 2 * pairsOf(depth_); k++) {
      const float* const row = k < depth_ ? from + offsetOf(k, rowDims_, rowStrides_) : nullptr;
      Brain* const out = to + k / 2 * 2 * width + k % 2;
      for (int c = 0; c < width; c++) out[2 * c] = row && c < columns ? toBrain(row[c * columnStride_]) : Brain{0};
    }
  }

  std::vector<int64_t> dims_;
  std::vector<int64_t> strides_;
  /** Axes that together are the depth, outermost first. */
  std::vector<int64_t> rowDims_;
  std::vector<int64_t> rowStrides_;
  int64_t columns_;
  int64_t columnStride_;
  /** Whether elements are rounded to bfloat16, in pairs (simd/gemm-bf16.h). */
  bool brain_;
  Panels panels_;
  int64_t depth_;
};

}  // namespace

KERNEL(packMatrix, PackMatrix)

SCANLINE_KERNELS_END
