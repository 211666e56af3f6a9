// Threads that run one program together.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "program.h"

namespace scanline {

/**
 * The caller of `run` and `threads - 1` more, which spin for the next program for a while and then sleep.
 */
class Crew {
 public:
  explicit Crew(int threads);
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  int threads() const { return threads_; }
  /** Returns when the program has run. Throws `std::bad_alloc` where there is no memory to work in. */
  void run(const Program& program, std::byte* const* table);

 private:
  void work(int rank);
  void meet();
  std::byte* scratchOf(int rank) const { return scratch_ + static_cast<size_t>(rank) * scratchBytes_; }

  const int threads_;
  std::vector<std::thread> others_;

  /** Counts programs; threads wait for it to change. */
  std::atomic<uint64_t> round_{0};
  std::atomic<bool> stopping_{false};
  const Program* program_ = nullptr;
  std::byte* const* table_ = nullptr;
  std::byte* scratch_ = nullptr;
  size_t scratchBytes_ = 0;

  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<uint32_t> phase_{0};

  std::mutex mutex_;
  std::condition_variable awake_;
  int asleep_ = 0;
};

/** Tells the processor that this is a loop that waits. */
inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace scanline
