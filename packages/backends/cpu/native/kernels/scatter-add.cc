// Zeros to which rows are added by index.
#include <algorithm>

#include "../simd/layout.h"

SCANLINE_KERNELS_BEGIN

namespace {

/** Columns of an item. */
constexpr int64_t group = 64;

typedef uint32_t Words __attribute__((vector_size(sizeof(Vi))));

/** An item is some columns of all rows, so that every sum is made by one thread, in the order of the index. */
class ScatterAdd : public Kernel {
 public:
  explicit ScatterAdd(Reader& in) : whole_(in.flag()), rows_(in.integer()), count_(in.integer()), length_(in.integer()) {
    items = rows_ == 0 ? 0 : ceilDiv(length_, group);
    cost = static_cast<double>((rows_ + 4 * count_) * ceilDiv(group, lanes));
  }

  void run(std::byte* const* args, const Share& share) const override {
    const int32_t* const index = as<int32_t>(args[1]);
    for (int64_t item = share.begin; item < share.end; item++) {
      const int64_t columns = std::min(group, length_ - item * group);
      const float* from = as<float>(args[0]) + item * group;
      float* const to = as<float>(args[2]) + item * group;
      for (int64_t row = 0; row < rows_; row++) std::fill_n(to + row * length_, columns, 0.0f);
      for (int64_t i = 0; i < count_; i++, from += length_)
        if (index[i] >= 0 && index[i] < rows_) addRow(from, to + index[i] * length_, columns);
    }
  }

 private:
  void addRow(const float* from, float* to, int64_t columns) const {
    for (int64_t c = 0; c < columns; c += lanes) {
      const int n = static_cast<int>(std::min<int64_t>(lanes, columns - c));
      const Vf a = loadLanes(to + c, n);
      const Vf b = loadLanes(from + c, n);
      // Whole numbers wrap around, which only unsigned ones may.
      storeLanes(to + c, whole_ ? (Vf)((Words)a + (Words)b) : a + b, n);
    }
  }

  /** Of i32 rather than f32. */
  bool whole_;
  int64_t rows_;
  /** Entries of the index. */
  int64_t count_;
  /** Elements of a row. */
  int64_t length_;
};

}  // namespace

KERNEL(scatterAdd, ScatterAdd)

SCANLINE_KERNELS_END
