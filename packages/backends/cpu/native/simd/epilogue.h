// What a matrix product or convolution does to a tile of results before they are stored.
#pragma once

#include "elements.h"
#include "expression.h"
#include "gemm.h"

SCANLINE_KERNELS_BEGIN

/**
 * out = f(sums + addends, operands). Addends are read as the sums are stored; what else there is runs over the tile while
 * it lies in the first cache. Extras are f32 matrices like the output, with strides of their own.
 */
class Epilogue {
 public:
  struct Extra {
    int64_t row;
    int64_t column;
  };

  explicit Epilogue(Reader& in)
      : extras_(in.list([](Reader& one) {
          const int64_t row = one.integer();
          return Extra{row, one.integer()};
        })),
        addends_(in.integers()),
        expression_(in) {}

  size_t extraCount() const { return extras_.size(); }
  size_t scratch() const {
    return expression_.identity() ? 0 : expression_.scratch() + sizeof(float) * blockLength * (extras_.size() + 1);
  }
  /** Vector instructions for a vector of results. */
  double cost() const { return static_cast<double>(addends_.size()) + expression_.cost(); }

  /**
   * The tile of `rows` by `columns` at (row, column) of matrices that start at `out` and `extras`: `produce(target)`
   * computes the sums and writes them, with the addends, where it is told.
   */
  template <class Produce>
  void run(Produce produce, int rows, int columns, float* out, int64_t outStride, const float* const* extras, int64_t row,
           int64_t column, std::byte* scratch) const {
    Rows addends[maxAddends];
    for (size_t a = 0; a < addends_.size(); a++) {
      const auto k = static_cast<size_t>(addends_[a]);
      addends[a] = {extras[k] + row * extras_[k].row + column, extras_[k].row};
    }
    const int addendCount = static_cast<int>(addends_.size());
    float* const to = out + row * outStride + column;
    if (expression_.identity()) {
      produce(Target{to, outStride, columns, addends, addendCount});
      return;
    }
    float* const registers = as<float>(scratch);
    float* const sums = as<float>(scratch + expression_.scratch());
    produce(Target{sums, columns, columns, addends, addendCount});
    Operand operands[maxOperands];
    operands[0] = {sums, false, columns};
    for (int k = 1; k < expression_.operandCount(); k++) {
      if (!expression_.reads(k)) continue;
      const Extra& extra = extras_[static_cast<size_t>(k - 1)];
      const float* const from = extras[k - 1] + row * extra.row + column * extra.column;
      float* const block = sums + k * blockLength;
      if (extra.column == 1) {
        operands[k] = {from, false, extra.row};
      } else if (extra.row == 0 && extra.column == 0) {
        store(block, splat(*from));
        operands[k] = {block, true};
      } else {
        for (int r = 0; r < rows; r++)
          loadAs<float>(reinterpret_cast<const std::byte*>(from + r * extra.row), extra.column, block + r * columns, columns);
        operands[k] = {block, false, columns};
      }
    }
    expression_.run(registers, operands, to, outStride, rows, columns);
  }

 private:
  std::vector<Extra> extras_;
  /** Extras that are only added, straight onto the sums. Their columns lie next to each other. */
  std::vector<int64_t> addends_;
  /** Of what is left; operand k is extra k - 1. */
  Expression expression_;
};

SCANLINE_KERNELS_END
