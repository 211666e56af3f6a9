// softmax(scale · q kᵀ) v without the matrix of scores (Dao et al., arXiv 2205.14135): a block of queries meets the keys
// block by block; whenever a larger score turns up, what was gathered is scaled down.
#include "../simd/gemm.h"
#include "../simd/layout.h"
#include "../simd/softmax.h"

SCANLINE_KERNELS_BEGIN

namespace {

/** Queries of an item, and keys that they meet at a time: their scores, 32 KiB, stay near. */
constexpr int64_t queryBlock = 32;
constexpr int64_t keyBlock = 256;
constexpr int64_t blockPanels = keyBlock / (panelVectors * lanes);

/** Rows of `depth` elements times a panel, into or onto `out`: tiles of even height. */
void multiply(const float* left, int64_t stride, int rows, int64_t depth, const float* panel, int vectors, float* out,
              int64_t outStride, bool onto) {
  const int tiles = static_cast<int>(ceilDiv(rows, tileRows[vectors]));
  for (int t = 0; t < tiles; t++) {
    const int row = rows * t / tiles;
    const int count = rows * (t + 1) / tiles - row;
    const float* starts[maxTileRows];
    for (int r = 0; r < count; r++) starts[r] = left + (row + r) * stride;
    float* const to = out + row * outStride;
    const Rows before{to, outStride};
    tileOf(count, vectors)({starts, 1, depth}, panel, {to, outStride, vectors * lanes, &before, onto ? 1 : 0});
  }
}

/** An item is a block of queries of one head. */
class Attention : public Kernel {
 public:
  explicit Attention(Reader& in)
      : dims_(in.integers()),
        strides_(in.integers()),
        queries_(in.integer()),
        keys_(in.integer()),
        depth_(in.integer()),
        width_(in.integer()),
        rowStride_(in.integer()),
        columnStride_(in.integer()),
        scale_(in.real()),
        keyPanels_(keys_),
        valuePanels_(width_),
        blocks_(ceilDiv(queries_, queryBlock)) {
    items = width_ == 0 ? 0 : product(dims_) * blocks_;
    cost = static_cast<double>(std::min(queries_, queryBlock) * keys_ * (depth_ + width_ + 24)) / lanes;
    scratch = sizeof(float) * static_cast<size_t>(gathered(queryBlock));
  }

  void run(std::byte* const* args, const Share& share) const override {
    for (int64_t item = share.begin; item < share.end; item++) {
      const int64_t head = item / blocks_;
      const int64_t block = item % blocks_;
      const int64_t first = queries_ * block / blocks_;
      const int rows = static_cast<int>(queries_ * (block + 1) / blocks_ - first);
      const float* const q = as<float>(args[0]) + offsetOf(head, dims_, strides_) + first * rowStride_;
      const float* const k = as<float>(args[1]) + head * depth_ * keyPanels_.padded();
      const float* const v = as<float>(args[2]) + head * keys_ * valuePanels_.padded();
      float* const out = as<float>(args[3]) + (head * queries_ + first) * width_;
      attend(q, k, v, rows, out, as<float>(share.scratch));
    }
  }

 private:
  /** Where the parts of the working memory lie: scaled queries, scores, results. */
  int64_t scored() const { return queryBlock * depth_; }
  int64_t gathered(int64_t rows) const { return scored() + queryBlock * keyBlock + rows * valuePanels_.padded(); }

  void attend(const float* q, const float* k, const float* v, int rows, float* out, float* memory) const {
    float* const scores = memory + scored();
    float* const results = memory + gathered(0);
    const int64_t resultStride = valuePanels_.padded();
    float peaks[queryBlock];
    float totals[queryBlock];
    // Powers are of two.
    const float factor = scale_ * 1.44269504088896340736f;
    for (int r = 0; r < rows; r++)
      for (int64_t i = 0; i < depth_; i++) memory[r * depth_ + i] = q[r * rowStride_ + i * columnStride_] * factor;

    for (int64_t begin = 0; begin < keyPanels_.count(); begin += blockPanels) {
      const int64_t end = std::min(begin + blockPanels, keyPanels_.count());
      const int64_t first = keyPanels_.begin(begin);
      for (int64_t panel = begin; panel < end; panel++) {
        const int64_t column = keyPanels_.begin(panel);
        multiply(memory, depth_, rows, depth_, k + column * depth_, keyPanels_.vectors(panel), scores + column - first, keyBlock, false);
      }
      const int64_t count = std::min(keyPanels_.begin(end), keys_) - first;
      for (int r = 0; r < rows; r++) {
        float* const row = scores + r * keyBlock;
        const float before = begin > 0 ? peaks[r] : -infinity;
        peaks[r] = std::max(before, peakOf(row, count));
        const Vf peak = splat(peaks[r]);
        const float sum = sumPowers(row, count, [&](Vf x) { return exp2(x - peak); },
                                    [&](int64_t i, Vf p, int n) { storeLanes(row + i, p, n); });
        if (begin == 0) {
          totals[r] = sum;
          continue;
        }
        const Vf shrink = exp2(splat(before) - peak);
        totals[r] = totals[r] * shrink[0] + sum;
        for (int64_t i = 0; i < resultStride; i += lanes)
          store(results + r * resultStride + i, load(results + r * resultStride + i) * shrink);
      }
      for (int64_t panel = 0; panel < valuePanels_.count(); panel++) {
        const int64_t column = valuePanels_.begin(panel);
        const int vectors = valuePanels_.vectors(panel);
        multiply(scores, keyBlock, rows, count, v + column * keys_ + first * vectors * lanes, vectors, results + column, resultStride,
                 begin > 0);
      }
    }

    for (int r = 0; r < rows; r++) {
      const Vf share = splat(1 / totals[r]);
      for (int64_t i = 0; i < width_; i += lanes)
        storeLanes(out + r * width_ + i, load(results + r * resultStride + i) * share, static_cast<int>(std::min<int64_t>(lanes, width_ - i)));
    }
  }

  /** Axes that pick a head, and the strides of the queries along them. */
  std::vector<int64_t> dims_;
  std::vector<int64_t> strides_;
  int64_t queries_;
  int64_t keys_;
  /** Of queries and keys. */
  int64_t depth_;
  /** Of values. */
  int64_t width_;
  /** Of the queries. */
  int64_t rowStride_;
  int64_t columnStride_;
  float scale_;
  Panels keyPanels_;
  Panels valuePanels_;
  int64_t blocks_;
};

}  // namespace

KERNEL(attention, Attention)

SCANLINE_KERNELS_END
