// A strided tensor of any type made contiguous.
#include "../simd/move.h"

SCANLINE_KERNELS_BEGIN

namespace {

class Copy : public Kernel {
 public:
  explicit Copy(Reader& in) : move_(in) {
    items = move_.items();
    cost = move_.cost();
  }

  void run(std::byte* const* args, const Share& share) const override { move_.run(args[0], args[1], share.begin, share.end); }

 private:
  Move move_;
};

}  // namespace

KERNEL(copy, Copy)

SCANLINE_KERNELS_END
