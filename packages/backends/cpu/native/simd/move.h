// Elements brought from one layout to another, whatever they mean: copies, slices, concatenations, flips, transposes.
#pragma once

#include <vector>

#include "../kernel.h"

SCANLINE_KERNELS_BEGIN

class Move {
 public:
  /** Reads what `planMove` of src/move.ts gives. */
  explicit Move(Reader& in);

  /** Independent pieces of about the same size. */
  int64_t items() const { return items_; }
  double cost() const { return cost_; }
  void run(const std::byte* from, std::byte* to, int64_t begin, int64_t end) const;

 private:
  template <class T>
  void runAs(const T* from, T* to, int64_t begin, int64_t end) const;

  int bytes_;
  /** Outer axes, with those of the pieces taken out. */
  std::vector<int64_t> dims_;
  std::vector<int64_t> from_;
  std::vector<int64_t> to_;
  int64_t fromOffset_;
  int64_t toOffset_;
  /** The innermost axis. */
  int64_t length_ = 1;
  int64_t stride_ = 1;
  int64_t toStride_ = 1;
  /** The axis next to it, or in a transpose the one that is contiguous in the source. */
  int64_t rows_ = 1;
  int64_t rowStride_ = 0;
  int64_t rowToStride_ = 0;
  /** A piece is so many rows of so many elements. */
  int64_t pieceRows_;
  int64_t pieceLength_;
  int64_t items_;
  double cost_;
};

SCANLINE_KERNELS_END
