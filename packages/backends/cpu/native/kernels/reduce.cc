// Sums, means, maxima and minima over any axes of f32 and i32.
#include <algorithm>
#include <limits>

#include "../simd/layout.h"
#include "../simd/math.h"

SCANLINE_KERNELS_BEGIN

namespace {

/** Columns that are reduced side by side. */
constexpr int width = 4 * lanes;

/** Terms of a lane that are added in f32; such sums are added in doubles. */
constexpr int stretch = 64;

struct Axes {
  std::vector<int64_t> dims;
  std::vector<int64_t> strides;
};

Axes readAxes(Reader& in) {
  Axes axes;
  axes.dims = in.integers();
  axes.strides = in.integers();
  return axes;
}

double wideSum(Vf x) {
  double all = 0;
  for (int i = 0; i < lanes; i++) all += static_cast<double>(x[i]);
  return all;
}

double sumOf(const float* p, int64_t n, int64_t stride) {
  double all = 0;
  if (stride != 1) {
    for (int64_t i = 0; i < n; i++) all += static_cast<double>(p[i * stride]);
    return all;
  }
  while (n > 0) {
    const int64_t part = std::min<int64_t>(n, 4 * stretch * lanes);
    Vf sums[4] = {};
    int64_t i = 0;
    for (; i + 4 * lanes <= part; i += 4 * lanes)
      for (int v = 0; v < 4; v++) sums[v] += load(p + i + v * lanes);
    for (; i < part; i += lanes) sums[0] += load(p + i, static_cast<int>(std::min<int64_t>(lanes, part - i)));
    all += wideSum((sums[0] + sums[1]) + (sums[2] + sums[3]));
    p += part;
    n -= part;
  }
  return all;
}

struct Larger {
  static constexpr float identity = -infinity;
  static Vf combine(Vf a, Vf b) { return max(a, b); }
  static bool better(float a, float b) { return a > b; }
};

struct Smaller {
  static constexpr float identity = infinity;
  static Vf combine(Vf a, Vf b) { return min(a, b); }
  static bool better(float a, float b) { return a < b; }
};

template <class Choice>
float chosen(float a, float b) {
  return b != b || Choice::better(b, a) ? (a != a ? a : b) : a;
}

template <class Choice>
float choiceOf(const float* p, int64_t n, int64_t stride) {
  float best = Choice::identity;
  int64_t i = 0;
  if (stride == 1 && n >= lanes) {
    Vf all = load(p);
    for (i = lanes; i + lanes <= n; i += lanes) all = Choice::combine(all, load(p + i));
    for (int l = 0; l < lanes; l++) best = chosen<Choice>(best, all[l]);
  }
  for (; i < n; i++) best = chosen<Choice>(best, p[i * stride]);
  return best;
}

class Reduce : public Kernel {
 public:
  explicit Reduce(Reader& in)
      : kind_(in.name()), dtype_(in.name()), kept_(readAxes(in)), reduced_(readAxes(in)), count_(static_cast<double>(in.integer())) {
    outer_ = reduced_;
    if (!outer_.dims.empty()) {
      length_ = outer_.dims.back();
      stride_ = outer_.strides.back();
      outer_.dims.pop_back();
      outer_.strides.pop_back();
    }
    outerCount_ = product(outer_.dims);
    byColumns_ = dtype_ == "f32"_name && !kept_.dims.empty() && kept_.strides.back() == 1 && kept_.dims.back() > 1 && stride_ != 1;
    if (byColumns_) {
      columns_ = kept_.dims.back();
      kept_.dims.pop_back();
      kept_.strides.pop_back();
      items = product(kept_.dims) * ceilDiv(columns_, width);
      cost = 10 + count_ * 4;
    } else {
      items = product(kept_.dims);
      cost = 10 + count_ * (stride_ == 1 ? 1.0 / lanes : 1.0);
    }
  }

  void run(std::byte* const* args, const Share& share) const override {
    for (int64_t item = share.begin; item < share.end; item++) {
      if (dtype_ == "i32"_name) integers(as<int32_t>(args[0]), as<int32_t>(args[1]), item);
      else if (byColumns_) columns(as<float>(args[0]), as<float>(args[1]), item);
      else row(as<float>(args[0]), as<float>(args[1]), item);
    }
  }

 private:
  void row(const float* from, float* to, int64_t item) const {
    const float* const start = from + offsetOf(item, kept_.dims, kept_.strides);
    double sum = 0;
    float best = kind_ == "max"_name ? -infinity : infinity;
    for (int64_t o = 0; o < outerCount_; o++) {
      const float* const p = start + offsetOf(o, outer_.dims, outer_.strides);
      if (kind_ == "max"_name) best = chosen<Larger>(best, choiceOf<Larger>(p, length_, stride_));
      else if (kind_ == "min"_name) best = chosen<Smaller>(best, choiceOf<Smaller>(p, length_, stride_));
      else sum += sumOf(p, length_, stride_);
    }
    to[item] = kind_ == "sum"_name ? static_cast<float>(sum) : kind_ == "mean"_name ? static_cast<float>(sum / count_) : best;
  }

  void columns(const float* from, float* to, int64_t item) const {
    const int64_t groups = ceilDiv(columns_, width);
    const int64_t outer = item / groups;
    const int64_t column = item % groups * width;
    const int n = static_cast<int>(std::min<int64_t>(width, columns_ - column));
    const float* const start = from + offsetOf(outer, kept_.dims, kept_.strides) + column;
    float* const out = to + outer * columns_ + column;
    if (kind_ == "max"_name) choices<Larger>(start, out, n);
    else if (kind_ == "min"_name) choices<Smaller>(start, out, n);
    else sums(start, out, n);
  }

  /** `visit(row)` for the address of every row that is reduced. */
  template <class Visit>
  INLINE void eachRow(const float* start, Visit visit) const {
    for (int64_t o = 0; o < outerCount_; o++) {
      const float* const p = start + offsetOf(o, outer_.dims, outer_.strides);
      for (int64_t i = 0; i < length_; i++) visit(p + i * stride_);
    }
  }

  INLINE static Vf loadSome(const float* row, int v, int n) {
    const int rest = n - v * lanes;
    return rest >= lanes ? load(row + v * lanes) : rest > 0 ? load(row + v * lanes, rest) : Vf{};
  }

  void sums(const float* start, float* out, int n) const {
    Vf narrow[4] = {};
    double wide[width] = {};
    int added = 0;
    auto flush = [&] {
      for (int v = 0; v < 4; v++) {
        for (int l = 0; l < lanes; l++) wide[v * lanes + l] += static_cast<double>(narrow[v][l]);
        narrow[v] = Vf{};
      }
      added = 0;
    };
    eachRow(start, [&](const float* row) {
      for (int v = 0; v < 4; v++) narrow[v] += loadSome(row, v, n);
      if (++added == stretch) flush();
    });
    flush();
    for (int i = 0; i < n; i++) out[i] = static_cast<float>(kind_ == "mean"_name ? wide[i] / count_ : wide[i]);
  }

  template <class Choice>
  void choices(const float* start, float* out, int n) const {
    Vf best[4];
    for (Vf& b : best) b = splat(Choice::identity);
    eachRow(start, [&](const float* row) {
      for (int v = 0; v < 4; v++) best[v] = Choice::combine(best[v], loadSome(row, v, n));
    });
    for (int i = 0; i < n; i++) out[i] = best[i / lanes][i % lanes];
  }

  void integers(const int32_t* from, int32_t* to, int64_t item) const {
    const int32_t* const start = from + offsetOf(item, kept_.dims, kept_.strides);
    const bool larger = kind_ == "max"_name;
    // Sums wrap around, which only unsigned numbers may.
    uint32_t sum = 0;
    int32_t best = larger ? INT32_MIN : INT32_MAX;
    for (int64_t o = 0; o < outerCount_; o++) {
      const int32_t* const p = start + offsetOf(o, outer_.dims, outer_.strides);
      for (int64_t i = 0; i < length_; i++) {
        const int32_t x = p[i * stride_];
        sum += static_cast<uint32_t>(x);
        best = larger ? std::max(best, x) : std::min(best, x);
      }
    }
    to[item] = kind_ == "sum"_name ? static_cast<int32_t>(sum) : best;
  }

  Name kind_;
  Name dtype_;
  Axes kept_;
  Axes reduced_;
  /** Elements of a result. */
  double count_;
  /** The reduced axes without the innermost, and that. */
  Axes outer_;
  int64_t outerCount_;
  int64_t length_ = 1;
  int64_t stride_ = 1;
  bool byColumns_;
  int64_t columns_ = 0;
};

}  // namespace

KERNEL(reduce, Reduce)

SCANLINE_KERNELS_END
