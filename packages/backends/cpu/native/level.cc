// The table of one instruction set's kernels: compiled once for each, as the kernels are.
#include "kernel.h"
#include "simd/gemm-bf16.h"

#define SCANLINE_TEXT(x) #x
#define SCANLINE_QUOTE(x) SCANLINE_TEXT(x)
#define SCANLINE_JOIN(a, b) a##b
#define SCANLINE_LEVEL_OF(isa) SCANLINE_JOIN(level_, isa)

SCANLINE_KERNELS_BEGIN

#define SCANLINE_KERNEL(name) std::unique_ptr<Kernel> make_##name(Reader&);
#include "kernels/list.h"
#undef SCANLINE_KERNEL

namespace {

const KernelEntry kernels[] = {
#define SCANLINE_KERNEL(name) {#name, make_##name},
#include "kernels/list.h"
#undef SCANLINE_KERNEL
};

/** As many sums as keep two units of four or five cycles' latency busy. */
constexpr int chains = 12;

double burn(int64_t rounds) {
  Vf sums[chains];
#pragma GCC unroll 16
  for (int i = 0; i < chains; i++) sums[i] = splat(static_cast<float>(i));
  Vf factor = splat(0.999f), step = splat(0.5f);
  // Else the compiler would see through the loop.
  asm volatile("" : "+m"(factor), "+m"(step));
  for (int64_t r = 0; r < rounds; r++) {
#pragma GCC unroll 16
    for (int i = 0; i < chains; i++) sums[i] = fma(sums[i], factor, step);
  }
  Vf all = {};
#pragma GCC unroll 16
  for (int i = 0; i < chains; i++) all += sums[i];
  asm volatile("" : : "m"(all));
  return 2.0 * chains * lanes * static_cast<double>(rounds);
}

}  // namespace

SCANLINE_KERNELS_END

namespace scanline {

extern const Level SCANLINE_LEVEL_OF(SCANLINE_ISA);
const Level SCANLINE_LEVEL_OF(SCANLINE_ISA) = {
    SCANLINE_QUOTE(SCANLINE_ISA), SCANLINE_ISA::lanes,           SCANLINE_ISA::kernels,
    sizeof(SCANLINE_ISA::kernels) / sizeof(KernelEntry), SCANLINE_ISA::hasBrainTiles, SCANLINE_ISA::burn,
};

}  // namespace scanline
