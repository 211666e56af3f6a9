#include "heap.h"

#include <cstdlib>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace scanline {

namespace {

#if defined(__SANITIZE_ADDRESS__)
// Every block exactly as long as was asked for, and never handed out twice: else overruns would go unseen.
constexpr bool exact = true;
#else
constexpr bool exact = false;
#endif

/** Free bytes that are kept at most. */
constexpr size_t keptBytes = exact ? 0 : size_t{512} << 20;

constexpr size_t hugePage = size_t{2} << 20;

/** Few distinct sizes, so that a freed block fits the next request: at most an eighth too long. */
size_t rounded(size_t bytes) {
  if (exact) return bytes == 0 ? 1 : bytes;
  size_t step = Heap::alignment;
  while (step * 8 < bytes) step *= 2;
  return (bytes == 0 ? 1 : (bytes + step - 1) / step) * step;
}

}  // namespace

Heap::~Heap() {
  for (const auto& [block, size] : sizes_) release(block);
}

void* Heap::alloc(size_t bytes) {
  const size_t size = rounded(bytes);
  if (const auto found = idle_.find(size); found != idle_.end()) {
    void* const block = found->second;
    idle_.erase(found);
    idleBytes_ -= size;
    return block;
  }
  const bool large = size >= 2 * hugePage;
  void* block = nullptr;
  if (posix_memalign(&block, large ? hugePage : alignment, size) != 0) return nullptr;
#if defined(__linux__)
  // Fewer page faults, and fewer misses in the table of pages.
  if (large) madvise(block, size, MADV_HUGEPAGE);
#endif
  sizes_.emplace(block, size);
  reserved_ += size;
  return block;
}

std::vector<void*> Heap::free(void* block) {
  const size_t size = sizes_.at(block);
  idle_.emplace(size, block);
  idleBytes_ += size;
  std::vector<void*> surplus;
  while (idleBytes_ > keptBytes) {
    const auto largest = std::prev(idle_.end());
    surplus.push_back(largest->second);
    sizes_.erase(largest->second);
    idleBytes_ -= largest->first;
    reserved_ -= largest->first;
    idle_.erase(largest);
  }
  return surplus;
}

void Heap::release(void* block) { std::free(block); }

}  // namespace scanline
