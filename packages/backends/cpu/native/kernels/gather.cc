// Rows of any type by index; zeros for an index outside.
#include "../simd/layout.h"

SCANLINE_KERNELS_BEGIN

namespace {

/** An item is a row of the output. */
class Gather : public Kernel {
 public:
  explicit Gather(Reader& in) : rows_(in.integer()), bytes_(static_cast<size_t>(in.integer())), stride_(in.integer()) {
    items = in.integer();
    cost = 10 + static_cast<double>(bytes_) / 32;
  }

  void run(std::byte* const* args, const Share& share) const override {
    const int32_t* const index = as<int32_t>(args[1]);
    for (int64_t item = share.begin; item < share.end; item++) {
      std::byte* const to = args[2] + static_cast<size_t>(item) * bytes_;
      const int64_t row = index[item];
      if (row >= 0 && row < rows_) std::memcpy(to, args[0] + row * stride_, bytes_);
      else std::memset(to, 0, bytes_);
    }
  }

 private:
  int64_t rows_;
  /** Of a row, and from one row to the next. */
  size_t bytes_;
  int64_t stride_;
};

}  // namespace

KERNEL(gather, Gather)

SCANLINE_KERNELS_END
