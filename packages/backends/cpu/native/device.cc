#include "device.h"

#include <exception>

namespace scanline {

namespace {

/** Rounds of waiting, some 0.05 ms: eager ops come one after the other. */
constexpr int spins = 2000;

}  // namespace

Device::Device(const Level& level, int threads) : level_(level), crew_(threads), thread_([this] { work(); }) {}

Device::~Device() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    waiting_++;
  }
  arrived_.notify_one();
  thread_.join();
}

void Device::push(std::function<void()> command) {
  pushed_++;
  bool wake;
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(command));
    waiting_++;
    wake = asleep_;
  }
  if (wake) arrived_.notify_one();
}

void Device::run(std::shared_ptr<const Program> program, std::vector<std::byte*> table) {
  push([this, program = std::move(program), table = std::move(table)] {
    if (!failure().empty()) return;
    try {
      crew_.run(*program, table.data());
    } catch (const std::exception& error) {
      const std::lock_guard lock(mutex_);
      failure_ = error.what();
    }
  });
}

std::string Device::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

void Device::work() {
  for (;;) {
    for (int spin = 0; spin < spins && waiting_.load(std::memory_order_acquire) == 0; spin++) relax();
    std::function<void()> command;
    {
      std::unique_lock lock(mutex_);
      asleep_ = true;
      arrived_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      asleep_ = false;
      if (stopping_) return;
      command = std::move(queue_.front());
      queue_.pop_front();
      waiting_--;
    }
    command();
    // What the command holds on to goes before it counts as finished.
    command = nullptr;
    finished_.fetch_add(1, std::memory_order_release);
  }
}

}  // namespace scanline
