// A queue of commands with a thread of its own, so that the caller never waits for work.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "crew.h"
#include "kernel.h"
#include "program.h"

namespace scanline {

/** Used by one thread; commands run one after the other, in the order they were given. */
class Device {
 public:
  Device(const Level& level, int threads);
  /** Lets the running command finish and drops the others. */
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  /** `command` must not throw; it is not called any more once the device is being destroyed. */
  void push(std::function<void()> command);
  /** Enqueues a run; keeps the program until it is over. */
  void run(std::shared_ptr<const Program> program, std::vector<std::byte*> table);
  /** Whether nothing is enqueued or running: then memory may be touched at once. */
  bool idle() const { return pushed_ == finished_.load(std::memory_order_acquire); }
  /** Why a run failed, empty while none has. From any thread. */
  std::string failure() const;

  const Level& level() const { return level_; }
  int threads() const { return crew_.threads(); }

 private:
  void work();

  const Level& level_;
  Crew crew_;
  uint64_t pushed_ = 0;
  std::atomic<uint64_t> finished_{0};
  /** Commands in the queue; what the thread spins on. */
  std::atomic<int> waiting_{0};

  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<std::function<void()>> queue_;
  std::string failure_;
  bool stopping_ = false;
  bool asleep_ = false;
  std::thread thread_;
};

}  // namespace scanline
