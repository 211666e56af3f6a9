#include "program.h"

#include <algorithm>
#include <stdexcept>

namespace scanline {

namespace {

/** Vector instructions that are worth a thread: some microseconds. */
constexpr double worthAThread = 8000;

/** Arguments that a launch may have. */
constexpr size_t maxArguments = 64;

MakeKernel find(const Level& level, Name name) {
  for (size_t i = 0; i < level.kernelCount; i++)
    if (nameOf(level.kernels[i].name) == name) return level.kernels[i].make;
  throw std::runtime_error("there is no native kernel for a launch; native/kernels/list.h has them all");
}

}  // namespace

Program::Program(const Level& level, int threads, Reader in) {
  entries_ = static_cast<size_t>(in.integer());
  const int64_t steps = in.integer();
  steps_.reserve(static_cast<size_t>(steps));
  for (int64_t i = 0; i < steps; i++) {
    const MakeKernel make = find(level, in.name());
    const int64_t words = in.integer();
    Reader params = in.part(words);
    Step step{make(params), {}, 1};
    params.expectEnd();
    step.args = in.list([](Reader& one) {
      const auto entry = static_cast<int32_t>(one.integer());
      return Place{entry, static_cast<uintptr_t>(one.number())};
    });
    if (step.args.size() > maxArguments) throw std::runtime_error("a launch binds more than 64 buffers");
    const Kernel& kernel = *step.kernel;
    const double worth = kernel.cost * static_cast<double>(kernel.items) / worthAThread;
    step.threads = static_cast<int>(std::max(1.0, std::min({static_cast<double>(threads), worth, static_cast<double>(kernel.items)})));
    scratch_ = std::max(scratch_, kernel.scratch);
    threaded_ = threaded_ || step.threads > 1;
    if (kernel.items > 0) steps_.push_back(std::move(step));
  }
  in.expectEnd();
}

void Program::runShare(const Step& step, int rank, std::byte* const* table, std::byte* scratch) {
  if (rank >= step.threads) return;
  std::byte* args[maxArguments];
  for (size_t i = 0; i < step.args.size(); i++) {
    const Place& place = step.args[i];
    args[i] = (place.entry < 0 ? nullptr : table[place.entry]) + place.address;
  }
  const int64_t items = step.kernel->items;
  const Share share{items * rank / step.threads, items * (rank + 1) / step.threads, scratch};
  if (share.begin < share.end) step.kernel->run(args, share);
}

}  // namespace scanline
