// Inputs of any layout and type, each moved to its place in one output.
#include <algorithm>

#include "../simd/move.h"

SCANLINE_KERNELS_BEGIN

namespace {

class Concat : public Kernel {
 public:
  explicit Concat(Reader& in) : moves_(in.list([](Reader& one) { return Move(one); })) {
    double all = 0;
    for (const Move& move : moves_) {
      items += move.items();
      all += move.cost() * static_cast<double>(move.items());
    }
    cost = all / static_cast<double>(std::max<int64_t>(1, items));
  }

  void run(std::byte* const* args, const Share& share) const override {
    // The items of all moves are counted through.
    int64_t before = 0;
    for (size_t n = 0; n < moves_.size(); n++) {
      const int64_t begin = std::max<int64_t>(share.begin - before, 0);
      const int64_t end = std::min(share.end - before, moves_[n].items());
      if (begin < end) moves_[n].run(args[n], args[moves_.size()], begin, end);
      before += moves_[n].items();
    }
  }

 private:
  std::vector<Move> moves_;
};

}  // namespace

KERNEL(concat, Concat)

SCANLINE_KERNELS_END
