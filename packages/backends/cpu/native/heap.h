// Memory for buffers: 64-byte aligned, and kept when freed, as the next run wants the same sizes again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <unordered_map>
#include <vector>

namespace scanline {

/** Of one thread. A freed block is handed out again at once: commands that use it run in the order they were given. */
class Heap {
 public:
  static constexpr size_t alignment = 64;

  Heap() = default;
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;
  ~Heap();

  /** Null where the system has no more. */
  void* alloc(size_t bytes);
  /** Blocks that are to go back to the system once no command uses them any more; mostly none. */
  std::vector<void*> free(void* block);
  static void release(void* block);

  /** Bytes taken from the system, free ones included. */
  size_t reserved() const { return reserved_; }

 private:
  /** Free blocks by size. */
  std::multimap<size_t, void*> idle_;
  std::unordered_map<void*, size_t> sizes_;
  size_t reserved_ = 0;
  size_t idleBytes_ = 0;
};

}  // namespace scanline
