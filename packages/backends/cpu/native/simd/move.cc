#include "move.h"

#include <algorithm>

#include "layout.h"

SCANLINE_KERNELS_BEGIN

Move::Move(Reader& in)
    : bytes_(static_cast<int>(in.integer())),
      dims_(in.integers()),
      from_(in.integers()),
      to_(in.integers()),
      fromOffset_(in.integer()),
      toOffset_(in.integer()) {
  auto take = [&](size_t axis, int64_t& length, int64_t& from, int64_t& to) {
    const auto at = static_cast<ptrdiff_t>(axis);
    length = dims_[axis];
    from = from_[axis];
    to = to_[axis];
    dims_.erase(dims_.begin() + at);
    from_.erase(from_.begin() + at);
    to_.erase(to_.begin() + at);
  };
  if (!dims_.empty()) take(dims_.size() - 1, length_, stride_, toStride_);
  const auto contiguous = std::find(from_.begin(), from_.end(), 1);
  const bool transpose = stride_ > 1 && toStride_ == 1 && contiguous != from_.end();
  if (transpose) take(static_cast<size_t>(contiguous - from_.begin()), rows_, rowStride_, rowToStride_);
  else if (!dims_.empty()) take(dims_.size() - 1, rows_, rowStride_, rowToStride_);
  // A transpose reads each cache line of the source once for all rows of a piece.
  pieceLength_ = std::max<int64_t>(1, std::min<int64_t>(length_, transpose ? 64 : 8192));
  pieceRows_ = std::max<int64_t>(1, std::min<int64_t>(rows_, transpose ? 64 / bytes_ : 4096 / pieceLength_));
  items_ = product(dims_) * ceilDiv(rows_, pieceRows_) * ceilDiv(length_, pieceLength_);
  const double each = stride_ <= 1 && toStride_ == 1 ? bytes_ / 32.0 : 1.5;
  cost_ = 10 + static_cast<double>(pieceRows_) * (3 + static_cast<double>(pieceLength_) * each);
}

void Move::run(const std::byte* from, std::byte* to, int64_t begin, int64_t end) const {
  switch (bytes_) {
    case 1:
      return runAs(reinterpret_cast<const uint8_t*>(from), as<uint8_t>(to), begin, end);
    case 2:
      return runAs(reinterpret_cast<const uint16_t*>(from), as<uint16_t>(to), begin, end);
    case 4:
      return runAs(reinterpret_cast<const uint32_t*>(from), as<uint32_t>(to), begin, end);
    default:
      return runAs(reinterpret_cast<const uint64_t*>(from), as<uint64_t>(to), begin, end);
  }
}

template <class T>
void Move::runAs(const T* from, T* to, int64_t begin, int64_t end) const {
  const int64_t rowPieces = ceilDiv(rows_, pieceRows_);
  const int64_t pieces = ceilDiv(length_, pieceLength_);
  for (int64_t item = begin; item < end; item++) {
    const int64_t column = item % pieces * pieceLength_;
    const int64_t row = item / pieces % rowPieces * pieceRows_;
    const int64_t outer = item / pieces / rowPieces;
    const int64_t rows = std::min(pieceRows_, rows_ - row);
    const int64_t length = std::min(pieceLength_, length_ - column);
    const T* source = from + fromOffset_ + offsetOf(outer, dims_, from_) + row * rowStride_ + column * stride_;
    T* target = to + toOffset_ + offsetOf(outer, dims_, to_) + row * rowToStride_ + column * toStride_;
    for (int64_t r = 0; r < rows; r++, source += rowStride_, target += rowToStride_) {
      if (stride_ == 1 && toStride_ == 1) std::memcpy(target, source, sizeof(T) * static_cast<size_t>(length));
      else if (stride_ == 0 && toStride_ == 1) std::fill(target, target + length, *source);
      else
        for (int64_t i = 0; i < length; i++) target[i * toStride_] = source[i * stride_];
    }
  }
}

SCANLINE_KERNELS_END
