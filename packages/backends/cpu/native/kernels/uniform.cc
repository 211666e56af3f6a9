// Threefry-2x32 with 20 rounds (Salmon et al., SC 2011), a vector of counters at once.
#include <algorithm>

#include "../simd/layout.h"

SCANLINE_KERNELS_BEGIN

namespace {

typedef uint32_t Words __attribute__((vector_size(sizeof(Vi))));

constexpr int rotations[] = {13, 15, 26, 6, 17, 29, 16, 24};

/** Elements of an item: both words at each counter. */
constexpr int64_t block = 2 * lanes;

class Uniform : public Kernel {
 public:
  explicit Uniform(Reader& in) : length_(in.integer()), stream_(static_cast<uint32_t>(in.integer())) {
    items = ceilDiv(length_, block);
    cost = 150;
  }

  void run(std::byte* const* args, const Share& share) const override {
    const uint32_t* const key = as<uint32_t>(args[0]);
    const uint32_t keys[] = {key[0], key[1], key[0] ^ key[1] ^ 0x1bd11bda};
    for (int64_t item = share.begin; item < share.end; item++) {
      Words x0, x1 = Words{} + (stream_ + keys[1]);
      for (int l = 0; l < lanes; l++) x0[l] = static_cast<uint32_t>(item * lanes + l) + keys[0];
#pragma GCC unroll 20
      for (int round = 0; round < 20; round++) {
        const int r = rotations[round & 7];
        x0 += x1;
        x1 = ((x1 << r) | (x1 >> (32 - r))) ^ x0;
        if (round % 4 != 3) continue;
        const uint32_t injection = static_cast<uint32_t>(round / 4 + 1);
        x0 += keys[injection % 3];
        x1 += keys[(injection + 1) % 3] + injection;
      }
      const Vf first = unit(x0);
      const Vf second = unit(x1);
      float both[block];
      for (int l = 0; l < lanes; l++) {
        both[2 * l] = first[l];
        both[2 * l + 1] = second[l];
      }
      std::copy_n(both, std::min(block, length_ - item * block), as<float>(args[1]) + item * block);
    }
  }

 private:
  /** The upper 24 bits, exact in f32. */
  static Vf unit(Words x) { return toFloat((Vi)(x >> 8)) * 0x1p-24f; }

  int64_t length_;
  uint32_t stream_;
};

}  // namespace

KERNEL(uniform, Uniform)

SCANLINE_KERNELS_END
