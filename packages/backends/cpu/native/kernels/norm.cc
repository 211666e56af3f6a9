// Layer norm and RMS norm of rows, of one input or of the sum of two, which is then stored too.
#include <algorithm>
#include <cmath>
#include <utility>

#include "../simd/layout.h"
#include "../simd/vector.h"

SCANLINE_KERNELS_BEGIN

namespace {

/** Rows of an item. */
constexpr int64_t block = 8;

/** Vectors of a row that is read once and kept in registers. */
constexpr int heldVectors = 12;

/** What a row is scaled and shifted by; null for what there is not. */
struct Affine {
  const float* weight;
  const float* bias;
};

/** A row of V vectors, of which `n` lanes of the last exist. */
template <int V>
void normaliseHeld(const float* x, int n, bool centred, float count, float eps, const Affine& affine, float* out) {
  Vf row[V];
#pragma GCC unroll 12
  for (int v = 0; v < V - 1; v++) row[v] = load(x + v * lanes);
  row[V - 1] = load(x + (V - 1) * lanes, n);
  if (centred) {
    Vf sums[2] = {};
#pragma GCC unroll 12
    for (int v = 0; v < V; v++) sums[v & 1] += row[v];
    const float mean = sum(sums[0] + sums[1]) / count;
#pragma GCC unroll 12
    for (int v = 0; v < V; v++) row[v] -= mean;
    // Lanes that do not exist must not count.
    row[V - 1] = keep(row[V - 1], n);
  }
  Vf squares[2] = {};
#pragma GCC unroll 12
  for (int v = 0; v < V; v++) squares[v & 1] = fma(row[v], row[v], squares[v & 1]);
  const float scale = 1.0f / std::sqrt(sum(squares[0] + squares[1]) / count + eps);
#pragma GCC unroll 12
  for (int v = 0; v < V; v++) {
    const bool whole = v < V - 1;
    const auto some = [&](const float* p) { return whole ? load(p + v * lanes) : load(p + v * lanes, n); };
    Vf y = row[v] * scale;
    if (affine.weight) y = affine.bias ? fma(y, some(affine.weight), some(affine.bias)) : y * some(affine.weight);
    if (whole) store(out + v * lanes, y);
    else store(out + v * lanes, y, n);
  }
}

using Normalise = void (*)(const float*, int, bool, float, float, const Affine&, float*);

template <size_t... V>
Normalise heldFor(int64_t vectors, std::index_sequence<V...>) {
  static constexpr Normalise all[] = {normaliseHeld<static_cast<int>(V) + 1>...};
  return all[vectors - 1];
}

class Norm : public Kernel {
 public:
  explicit Norm(Reader& in)
      : centred_(in.name() == "layer"_name), rows_(in.integer()), columns_(in.integer()), inputs_(in.integers()), affine_(in.integer()), eps_(in.real()) {
    items = ceilDiv(rows_, block);
    cost = static_cast<double>(block) * (30 + 6 * static_cast<double>(columns_) / lanes);
  }

  void run(std::byte* const* args, const Share& share) const override {
    const size_t values = inputs_.size();
    const float* const weight = affine_ > 0 ? as<float>(args[values]) : nullptr;
    const float* const bias = affine_ > 1 ? as<float>(args[values + 1]) : nullptr;
    std::byte* const* const outputs = args + values + affine_;
    const int64_t vectors = ceilDiv(columns_, lanes);
    const Normalise held = vectors <= heldVectors ? heldFor(vectors, std::make_index_sequence<heldVectors>()) : nullptr;
    const int last = static_cast<int>(columns_ - (vectors - 1) * lanes);
    const int64_t end = std::min(share.end * block, rows_);
    for (int64_t row = share.begin * block; row < end; row++) {
      const float* x = as<float>(args[0]) + row * inputs_[0];
      if (values > 1) {
        float* const total = as<float>(outputs[1]) + row * columns_;
        add(x, as<float>(args[1]) + row * inputs_[1], total);
        x = total;
      }
      float* const out = as<float>(outputs[0]) + row * columns_;
      if (held) held(x, last, centred_, static_cast<float>(columns_), eps_, {weight, bias}, out);
      else normalise(x, weight, bias, out);
    }
  }

 private:
  /** `visit(i, n)` for every vector of a row, of which `n` lanes exist. */
  template <class Visit>
  INLINE void eachVector(Visit visit) const {
    int64_t i = 0;
    for (; i + lanes <= columns_; i += lanes) visit(i, lanes);
    if (i < columns_) visit(i, static_cast<int>(columns_ - i));
  }

  INLINE static Vf some(const float* p, int n) { return n == lanes ? load(p) : load(p, n); }
  INLINE static void put(float* p, Vf x, int n) {
    if (n == lanes) store(p, x);
    else store(p, x, n);
  }

  void add(const float* x, const float* residual, float* out) const {
    eachVector([&](int64_t i, int n) { put(out + i, some(x + i, n) + some(residual + i, n), n); });
  }

  void normalise(const float* x, const float* weight, const float* bias, float* out) const {
    const auto count = static_cast<float>(columns_);
    float mean = 0;
    if (centred_) {
      Vf sums[2] = {};
      eachVector([&](int64_t i, int n) { sums[i / lanes & 1] += some(x + i, n); });
      mean = sum(sums[0] + sums[1]) / count;
    }
    Vf squares[2] = {};
    eachVector([&](int64_t i, int n) {
      const Vf centred = some(x + i, n) - mean;
      // Lanes that do not exist must not count.
      const Vf d = n == lanes ? centred : keep(centred, n);
      squares[i / lanes & 1] = fma(d, d, squares[i / lanes & 1]);
    });
    const float scale = 1.0f / std::sqrt(sum(squares[0] + squares[1]) / count + eps_);
    eachVector([&](int64_t i, int n) {
      Vf y = (some(x + i, n) - mean) * scale;
      if (weight) y = bias ? fma(y, some(weight + i, n), some(bias + i, n)) : y * some(weight + i, n);
      put(out + i, y, n);
    });
  }

  bool centred_;
  int64_t rows_;
  int64_t columns_;
  /** Elements from row to row, of each input that is summed. */
  std::vector<int64_t> inputs_;
  /** How many of weight and bias there are. */
  int64_t affine_;
  float eps_;
};

}  // namespace

KERNEL(norm, Norm)

SCANLINE_KERNELS_END
