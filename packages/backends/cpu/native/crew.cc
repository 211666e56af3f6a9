#include "crew.h"

#include <cstdlib>
#include <new>

#include "heap.h"

namespace scanline {

namespace {

/** Rounds of waiting, some 0.1 ms, before a thread sleeps: to wake one takes longer than most steps. */
constexpr int spins = 4000;

/** After so many rounds at a barrier the thread lets others have the processor: there may be fewer than threads. */
constexpr int spinsAtBarrier = 1000;

}  // namespace

Crew::Crew(int threads) : threads_(threads) {
  for (int rank = 1; rank < threads; rank++) others_.emplace_back([this, rank] { work(rank); });
}

Crew::~Crew() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    round_++;
  }
  awake_.notify_all();
  for (std::thread& other : others_) other.join();
  std::free(scratch_);
}

void Crew::run(const Program& program, std::byte* const* table) {
  if (program.scratch() > scratchBytes_) {
    std::free(scratch_);
    scratchBytes_ = 0;
    const size_t bytes = (program.scratch() + Heap::alignment - 1) / Heap::alignment * Heap::alignment;
    scratch_ = static_cast<std::byte*>(std::aligned_alloc(Heap::alignment, bytes * static_cast<size_t>(threads_)));
    if (!scratch_) throw std::bad_alloc();
    scratchBytes_ = bytes;
  }
  if (program.threaded()) {
    program_ = &program;
    table_ = table;
    bool sleepers;
    {
      const std::lock_guard lock(mutex_);
      round_++;
      sleepers = asleep_ > 0;
    }
    if (sleepers) awake_.notify_all();
  }
  program.run(0, table, scratchOf(0), [this] { meet(); });
}

void Crew::work(int rank) {
  uint64_t seen = 0;
  for (;;) {
    for (int spin = 0; spin < spins && round_.load(std::memory_order_acquire) == seen; spin++) relax();
    if (round_.load(std::memory_order_acquire) == seen) {
      std::unique_lock lock(mutex_);
      asleep_++;
      awake_.wait(lock, [&] { return round_.load() != seen; });
      asleep_--;
    }
    seen = round_.load(std::memory_order_acquire);
    if (stopping_) return;
    program_->run(rank, table_, scratchOf(rank), [this] { meet(); });
  }
}

void Crew::meet() {
  const uint32_t phase = phase_.load(std::memory_order_relaxed);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) == threads_ - 1) {
    arrived_.store(0, std::memory_order_relaxed);
    phase_.store(phase + 1, std::memory_order_release);
    return;
  }
  for (int spin = 0; phase_.load(std::memory_order_acquire) == phase; spin++) {
    if (spin < spinsAtBarrier) relax();
    else std::this_thread::yield();
  }
}

}  // namespace scanline
