// Any expression over operands of any layout, block by block.
#include <algorithm>

#include "../simd/elements.h"
#include "../simd/expression.h"
#include "../simd/layout.h"

SCANLINE_KERNELS_BEGIN

namespace {

/** One input as it is read, over [outer axes…, rows, length]; strides in elements. */
struct Input {
  bool used;
  Name dtype;
  std::vector<int64_t> outer;
  int64_t row;
  int64_t stride;

  explicit Input() = default;
};

Input readInput(Reader& in) {
  Input x;
  x.used = in.flag();
  x.dtype = in.name();
  x.outer = in.integers();
  x.row = in.integer();
  x.stride = in.integer();
  return x;
}

/** A block is a piece of one row, or several whole rows where they are short. */
class Pointwise : public Kernel {
 public:
  explicit Pointwise(Reader& in)
      : expression_(in), inputs_(in.list(readInput)), dtype_(in.name()), dims_(in.integers()), rows_(in.integer()), length_(in.integer()) {
    blockRows_ = std::max<int64_t>(1, std::min<int64_t>(rows_, blockLength / std::max<int64_t>(1, length_)));
    pieces_ = ceilDiv(length_, blockLength);
    rowBlocks_ = ceilDiv(rows_, blockRows_);
    items = product(dims_) * rowBlocks_ * pieces_;
    const double vectors = static_cast<double>(std::min<int64_t>(blockRows_ * length_, blockLength)) / lanes;
    cost = 20 + vectors * (expression_.cost() + 2.0 * static_cast<double>(inputs_.size()));
    // A block of each input, and one of results that are stored as another type.
    scratch = expression_.scratch() + sizeof(float) * blockLength * (inputs_.size() + 1);
  }

  void run(std::byte* const* args, const Share& share) const override {
    float* const registers = as<float>(share.scratch);
    float* const blocks = as<float>(share.scratch + expression_.scratch());
    float* const results = blocks + inputs_.size() * blockLength;
    std::byte* const out = args[inputs_.size()];
    const int bytes = bytesOf(dtype_);
    // What each block holds, so that a bias is laid out once and not for every block of rows.
    const std::byte* held[maxOperands] = {};
    int heldLength[maxOperands] = {};
    Operand operands[maxOperands] = {};

    for (int64_t item = share.begin; item < share.end; item++) {
      const int64_t piece = item % pieces_;
      const int64_t rowBlock = item / pieces_ % rowBlocks_;
      const int64_t outer = item / pieces_ / rowBlocks_;
      const int64_t row = rowBlock * blockRows_;
      const int64_t column = piece * blockLength;
      const int rows = static_cast<int>(std::min(blockRows_, rows_ - row));
      const int width = static_cast<int>(std::min<int64_t>(blockLength, length_ - column));
      const int length = rows * width;

      for (size_t k = 0; k < inputs_.size(); k++) {
        const Input& x = inputs_[k];
        if (!x.used) continue;
        const int64_t start = offsetOf(outer, dims_, x.outer) + row * x.row + column * x.stride;
        const std::byte* const from = args[k] + start * bytesOf(x.dtype);
        float* const block = blocks + k * blockLength;
        const bool dense = x.stride == 1 && (rows == 1 || x.row == length_);
        const bool same = x.stride == 0 && (rows == 1 || x.row == 0);
        if (dense && x.dtype == "f32"_name) {
          operands[k] = {reinterpret_cast<const float*>(from), false};
        } else {
          operands[k] = {block, same};
          // Only what repeats over the rows can be there already.
          if (held[k] == from && heldLength[k] >= length && (rows == 1 || x.row == 0)) continue;
          held[k] = from;
          heldLength[k] = length;
          if (same) loadFloats(x.dtype, from, 0, block, lanes);
          else if (dense) loadFloats(x.dtype, from, 1, block, length);
          else
            for (int r = 0; r < rows; r++)
              loadFloats(x.dtype, from + r * x.row * bytesOf(x.dtype), x.stride, block + r * width, width);
        }
      }

      std::byte* const to = out + ((outer * rows_ + row) * length_ + column) * bytes;
      if (dtype_ == "f32"_name) {
        expression_.run(registers, operands, as<float>(to), length);
      } else {
        expression_.run(registers, operands, results, length);
        storeFloats(dtype_, results, to, length);
      }
    }
  }

 private:
  Expression expression_;
  std::vector<Input> inputs_;
  Name dtype_;
  std::vector<int64_t> dims_;
  int64_t rows_;
  int64_t length_;
  int64_t blockRows_;
  int64_t pieces_;
  int64_t rowBlocks_;
};

}  // namespace

KERNEL(pointwise, Pointwise)

SCANLINE_KERNELS_END
