// A value around, and between, elements of any type: row by row of the output.
#include <algorithm>

#include "../simd/layout.h"

SCANLINE_KERNELS_BEGIN

namespace {

struct Axis {
  int64_t length;
  int64_t stride;
  int64_t before;
  int64_t after;
  /** Values between two neighbours. */
  int64_t interior;

  int64_t padded() const { return before + length + std::max<int64_t>(0, length - 1) * interior + after; }
};

Axis readAxis(Reader& in) {
  Axis axis{};
  axis.length = in.integer();
  axis.stride = in.integer();
  axis.before = in.integer();
  axis.after = in.integer();
  axis.interior = in.integer();
  return axis;
}

class Pad : public Kernel {
 public:
  explicit Pad(Reader& in) : bytes_(static_cast<int>(in.integer())), axes_(in.list(readAxis)) {
    const auto value = in.integers();
    for (size_t i = 0; i < sizeof value_; i++)
      reinterpret_cast<uint8_t*>(&value_)[i] = static_cast<uint8_t>(value[i % value.size()]);
    last_ = axes_.back();
    axes_.pop_back();
    length_ = last_.padded();
    int64_t rows = 1;
    for (const Axis& axis : axes_) rows *= axis.padded();
    items = length_ == 0 ? 0 : rows;
    cost = 8 + static_cast<double>(length_ * bytes_) / 32;
  }

  void run(std::byte* const* args, const Share& share) const override {
    switch (bytes_) {
      case 1:
        return runAs(as<uint8_t>(args[0]), as<uint8_t>(args[1]), share);
      case 2:
        return runAs(as<uint16_t>(args[0]), as<uint16_t>(args[1]), share);
      case 4:
        return runAs(as<uint32_t>(args[0]), as<uint32_t>(args[1]), share);
      default:
        return runAs(as<uint64_t>(args[0]), as<uint64_t>(args[1]), share);
    }
  }

 private:
  template <class T>
  void runAs(const T* from, T* to, const Share& share) const {
    const T value = static_cast<T>(value_);
    for (int64_t item = share.begin; item < share.end; item++) {
      T* out = to + item * length_;
      int64_t source = 0;
      bool inside = last_.length > 0;
      int64_t index = item;
      for (size_t n = axes_.size(); n-- > 0;) {
        const Axis& axis = axes_[n];
        const int64_t position = index % axis.padded() - axis.before;
        const int64_t step = axis.interior + 1;
        index /= axis.padded();
        inside = inside && position >= 0 && position % step == 0 && position / step < axis.length;
        source += position / step * axis.stride;
      }
      if (!inside) {
        std::fill(out, out + length_, value);
        continue;
      }
      const T* const row = from + source;
      out = std::fill_n(out, last_.before, value);
      if (last_.stride == 1 && last_.interior == 0) {
        std::memcpy(out, row, sizeof(T) * static_cast<size_t>(last_.length));
        out += last_.length;
      } else {
        for (int64_t i = 0; i < last_.length; i++) {
          if (i > 0) out = std::fill_n(out, last_.interior, value);
          *out++ = row[i * last_.stride];
        }
      }
      std::fill_n(out, last_.after, value);
    }
  }

  int bytes_;
  /** All but the innermost, and that. */
  std::vector<Axis> axes_;
  Axis last_;
  int64_t length_;
  /** The value's bytes, repeated. */
  uint64_t value_;
};

}  // namespace

KERNEL(pad, Pad)

SCANLINE_KERNELS_END
