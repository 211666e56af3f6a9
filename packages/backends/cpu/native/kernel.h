// What a kernel is to the rest of the addon.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "reader.h"

namespace scanline {

/** A part of a launch's work, given to one thread. */
struct Share {
  /** Items from `begin` up to but excluding `end`; never empty. */
  int64_t begin;
  int64_t end;
  /** The thread's own working memory: `Kernel::scratch` bytes, 64-byte aligned, with anything in it. */
  std::byte* scratch;
};

/**
 * One launch: a kernel with its parameters read. Threads call `run` at the same time, each for its share. What an item
 * computes must not depend on the share that it lies in: results are the same bits with any number of threads.
 */
class Kernel {
 public:
  virtual ~Kernel() = default;
  /** `args`: addresses of inputs, outputs and what the launch asked for as scratch, in that order. */
  virtual void run(std::byte* const* args, const Share& share) const = 0;

  /** Pieces of work that are independent of each other: rows, tiles, … */
  int64_t items = 0;
  /** What an item takes, in vector instructions, about: threads are not woken for less than pays. */
  double cost = 1;
  /** Bytes of `Share::scratch`. */
  size_t scratch = 0;
};

using MakeKernel = std::unique_ptr<Kernel> (*)(Reader&);

struct KernelEntry {
  const char* name;
  MakeKernel make;
};

/** The kernels compiled for one instruction set. */
struct Level {
  /** `avx2`, `avx512`, `neon`. */
  const char* name;
  /** f32 in a vector. */
  int lanes;
  const KernelEntry* kernels;
  size_t kernelCount;
  /** Whether products of bfloat16 are compiled in. */
  bool brain;
  /** Runs multiply-adds on registers alone, `rounds` times; gives the number of floating-point operations. */
  double (*burn)(int64_t rounds);
};

/** Whether this processor multiplies bfloat16, and the level was compiled for it. */
bool hasBrain(const Level& level);

/** The best level that this processor has, or the one that is asked for. Throws for one that it lacks. */
const Level& chooseLevel(const std::string& wanted);

/** `levels()[i]` names what was compiled in and runs here, best first. */
std::string availableLevels();

template <class T>
T* as(std::byte* pointer) {
  return reinterpret_cast<T*>(pointer);
}

}  // namespace scanline

// Every file in kernels/ is compiled once for each instruction set, into a namespace of that name.
#ifdef SCANLINE_ISA
#define SCANLINE_KERNELS_BEGIN namespace scanline::SCANLINE_ISA {
#define SCANLINE_KERNELS_END }
/** Defines what `kernels/list.h` refers to: `KERNEL(copy, Copy)` for a class that is constructed from a Reader. */
#define KERNEL(name, Class) \
  std::unique_ptr<Kernel> make_##name(Reader& in) { return std::make_unique<Class>(in); }
#endif
