// Parameters of a launch, as the TypeScript side flattens them (src/encode.ts): one double a number, names as hashes,
// lists with their length before them, records as their values in order.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <vector>

namespace scanline {

using Name = uint32_t;

/** FNV-1a: what `encode` makes of a string. */
constexpr Name nameOf(const char* text) {
  uint32_t hash = 0x811c9dc5;
  for (; *text; ++text) hash = (hash ^ static_cast<unsigned char>(*text)) * 0x01000193;
  return hash;
}

constexpr Name operator""_name(const char* text, size_t) { return nameOf(text); }

class Reader {
 public:
  Reader(const double* at, const double* end) : at_(at), end_(end) {}

  double number() {
    if (at_ == end_) throw std::runtime_error("a launch's parameters end too early");
    return *at_++;
  }
  int64_t integer() { return static_cast<int64_t>(number()); }
  float real() { return static_cast<float>(number()); }
  bool flag() { return number() != 0; }
  Name name() { return static_cast<Name>(number()); }

  std::vector<int64_t> integers() {
    return list([](Reader& in) { return in.integer(); });
  }

  /** `read(reader)` once for each element of a list. */
  template <class Read>
  auto list(Read read) -> std::vector<decltype(read(*this))> {
    const int64_t length = integer();
    if (length < 0 || length > end_ - at_) throw std::runtime_error("a launch's parameters end too early");
    std::vector<decltype(read(*this))> all;
    all.reserve(static_cast<size_t>(length));
    for (int64_t i = 0; i < length; i++) all.push_back(read(*this));
    return all;
  }

  /** A reader of the next `words`, which this one skips. */
  Reader part(int64_t words) {
    if (words < 0 || words > end_ - at_) throw std::runtime_error("a launch's parameters end too early");
    at_ += words;
    return {at_ - words, at_};
  }

  void expectEnd() const {
    if (at_ != end_) throw std::runtime_error("a launch has more parameters than its kernel reads");
  }

 private:
  const double* at_;
  const double* end_;
};

}  // namespace scanline
