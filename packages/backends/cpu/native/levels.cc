// Chooses at run time among the instruction sets that were compiled in.
#include <stdexcept>

#include "kernel.h"

namespace scanline {

#define SCANLINE_LEVEL(isa) extern const Level level_##isa;
#include "levels.h"
#undef SCANLINE_LEVEL

namespace {

bool runsHere(const std::string& name) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (name == "avx2") return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (name == "avx512")
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma");
#endif
  // Every 64-bit ARM has NEON.
  return name == "neon";
}

}  // namespace

std::string availableLevels() {
  std::string names;
#define SCANLINE_LEVEL(isa) \
  if (runsHere(#isa)) names += names.empty() ? #isa : ", " #isa;
#include "levels.h"
#undef SCANLINE_LEVEL
  return names;
}

bool hasBrain(const Level& level) {
#if defined(__x86_64__)
  return level.brain && __builtin_cpu_supports("avx512bf16");
#else
  return level.brain;
#endif
}

const Level& chooseLevel(const std::string& wanted) {
#define SCANLINE_LEVEL(isa) \
  if ((wanted.empty() || wanted == #isa) && runsHere(#isa)) return level_##isa;
#include "levels.h"
#undef SCANLINE_LEVEL
  const std::string here = availableLevels();
  throw std::runtime_error((wanted.empty() ? "no kernels were compiled for this processor"
                                           : "this processor does not run \"" + wanted + "\", or it was not compiled in") +
                           (here.empty() ? "" : "; there is " + here));
}

}  // namespace scanline
