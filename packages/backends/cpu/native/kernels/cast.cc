// From one element type to another. Between integers the low bits are kept; all else goes as simd/elements.h says.
#include <algorithm>

#include "../simd/elements.h"
#include "../simd/layout.h"

SCANLINE_KERNELS_BEGIN

namespace {

constexpr int64_t block = 1024;

bool isFloat(Name dtype) { return dtype == "f32"_name || dtype == "f16"_name || dtype == "bf16"_name; }

int64_t loadInteger(Name dtype, const std::byte* from) {
  switch (dtype) {
    case "i64"_name: {
      int64_t x;
      std::memcpy(&x, from, sizeof x);
      return x;
    }
    case "i32"_name: {
      int32_t x;
      std::memcpy(&x, from, sizeof x);
      return x;
    }
    default:
      return static_cast<uint8_t>(*from);
  }
}

void storeInteger(Name dtype, int64_t x, std::byte* to) {
  const auto narrow = static_cast<int32_t>(x);
  switch (dtype) {
    case "i64"_name:
      std::memcpy(to, &x, sizeof x);
      break;
    case "i32"_name:
      std::memcpy(to, &narrow, sizeof narrow);
      break;
    case "u8"_name:
      *to = static_cast<std::byte>(x);
      break;
    default:
      *to = static_cast<std::byte>(x != 0);
  }
}

class Cast : public Kernel {
 public:
  explicit Cast(Reader& in) : from_(in.name()), to_(in.name()), length_(in.integer()) {
    items = ceilDiv(length_, block);
    cost = block / 4;
  }

  void run(std::byte* const* args, const Share& share) const override {
    const int64_t end = std::min(share.end * block, length_);
    for (int64_t at = share.begin * block; at < end; at += block) {
      const int n = static_cast<int>(std::min(block, end - at));
      const std::byte* const from = args[0] + at * bytesOf(from_);
      std::byte* const to = args[1] + at * bytesOf(to_);
      if (isFloat(from_) || isFloat(to_)) {
        // Through f32 from i64 as well: what that rounds away is beyond every tie of a narrower type that is in range.
        float values[block];
        loadFloats(from_, from, 1, values, n);
        storeFloats(to_, values, to, n);
      } else {
        for (int i = 0; i < n; i++) storeInteger(to_, loadInteger(from_, from + i * bytesOf(from_)), to + i * bytesOf(to_));
      }
    }
  }

 private:
  Name from_;
  Name to_;
  int64_t length_;
};

}  // namespace

KERNEL(cast, Cast)

SCANLINE_KERNELS_END
