// A recorded program: launches with their kernels made, and where each argument lies.
#pragma once

#include <memory>
#include <vector>

#include "kernel.h"

namespace scanline {

/** An argument's address: fixed, or an entry of the table that a run brings along, and bytes past it. */
struct Place {
  /** -1 where `address` is all. */
  int32_t entry;
  uintptr_t address;
};

struct Step {
  std::unique_ptr<Kernel> kernel;
  std::vector<Place> args;
  /** Threads that it is cut for. */
  int threads;
};

class Program {
 public:
  /** Reads what `encodeProgram` of src/encode.ts gives. Throws for a kernel that `level` lacks. */
  Program(const Level& level, int threads, Reader in);

  size_t entries() const { return entries_; }
  /** Scratch bytes of the most demanding step. */
  size_t scratch() const { return scratch_; }
  /** Whether any step is worth more than one thread. */
  bool threaded() const { return threaded_; }

  /**
   * What thread `rank` has to do; every thread calls it, and `meet` is where they wait for one another.
   * `table`: addresses of inputs and outputs.
   */
  template <class Meet>
  void run(int rank, std::byte* const* table, std::byte* scratch, Meet meet) const {
    if (!threaded_ && rank > 0) return;
    const Step* before = nullptr;
    for (const Step& step : steps_) {
      // Steps that only the first thread runs follow each other without waiting.
      if (before && (before->threads > 1 || step.threads > 1)) meet();
      before = &step;
      runShare(step, rank, table, scratch);
    }
    if (threaded_) meet();
  }

 private:
  static void runShare(const Step& step, int rank, std::byte* const* table, std::byte* scratch);

  std::vector<Step> steps_;
  size_t entries_ = 0;
  size_t scratch_ = 0;
  bool threaded_ = false;
};

}  // namespace scanline
