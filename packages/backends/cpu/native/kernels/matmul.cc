// Matrix product by tiles that stay in registers; the right side is packed beforehand (pack-matrix.cc).
#include "../simd/epilogue.h"
#include "../simd/gemm-bf16.h"
#include "../simd/layout.h"

SCANLINE_KERNELS_BEGIN

namespace {

/** Elements of the left side that go through one panel after another: half of a second-level cache of 512 KiB. */
constexpr int64_t cachedElements = 65536;

/** Elements of a packed right side that stays in the second-level cache, so that it may be read often. */
constexpr int64_t cachedPanels = 65536;

/** Pieces that leave no thread of a few waiting for long. */
constexpr int64_t enoughItems = 24;

class Matmul : public Kernel {
 public:
  explicit Matmul(Reader& in)
      : dims_(in.integers()),
        strides_(in.list([](Reader& one) { return one.integers(); })),
        rows_(in.integer()),
        depth_(in.integer()),
        columns_(in.integer()),
        rowStride_(in.integer()),
        brain_(in.flag()),
        epilogue_(in),
        panels_(columns_) {
    const int64_t matrices = product(dims_);
    const int64_t fitting = std::max<int64_t>(maxTileRows, cachedElements / std::max<int64_t>(1, depth_));
    int64_t blocks = ceilDiv(rows_, fitting);
    if (depth_ * columns_ <= cachedPanels)
      blocks = std::max(blocks, std::min(ceilDiv(enoughItems, std::max<int64_t>(1, matrices)), rows_ / (2 * maxTileRows)));
    blocks = std::max<int64_t>(1, blocks);
    // Whole tiles of the usual height.
    constexpr int64_t height = tileRows[panelVectors];
    blockRows_ = ceilDiv(ceilDiv(rows_, blocks), height) * height;
    blocks_ = rows_ == 0 ? 0 : ceilDiv(rows_, blockRows_);
    groups_ = std::max<int64_t>(1, std::min(panels_.count(), ceilDiv(enoughItems, std::max<int64_t>(1, matrices * blocks_))));
    groupPanels_ = std::max<int64_t>(1, ceilDiv(panels_.count(), groups_));
    groups_ = ceilDiv(panels_.count(), groupPanels_);
    items = matrices * blocks_ * groups_;
    cost = static_cast<double>(blockRows_ * groupPanels_ * panelVectors) * (1.2 * static_cast<double>(depth_) + epilogue_.cost());
    pairBytes_ = brain_ ? (sizeof(Pair) * static_cast<size_t>(blockRows_ * pairsOf(depth_)) + 63) / 64 * 64 : 0;
    scratch = pairBytes_ + epilogue_.scratch();
  }

  void run(std::byte* const* args, const Share& share) const override {
    const size_t extraCount = epilogue_.extraCount();
    for (int64_t item = share.begin; item < share.end; item++) {
      const int64_t group = item % groups_;
      const int64_t block = item / groups_ % blocks_;
      const int64_t matrix = item / groups_ / blocks_;
      // Pointers come as A, B, extras, output; strides as A, B, output, extras.
      const float* const a = as<float>(args[0]) + offsetOf(matrix, dims_, strides_[0]);
      const float* const b = as<float>(args[1]) + offsetOf(matrix, dims_, strides_[1]);
      float* const out = as<float>(args[2 + extraCount]) + offsetOf(matrix, dims_, strides_[2]);
      const float* extras[maxOperands];
      for (size_t k = 0; k < extraCount; k++) extras[k] = as<float>(args[2 + k]) + offsetOf(matrix, dims_, strides_[3 + k]);

      const int64_t first = block * blockRows_;
      const int64_t end = std::min(first + blockRows_, rows_);
      Pair* const pairs = as<Pair>(share.scratch);
      const int64_t rowPairs = pairsOf(depth_);
      if (brain_)
        for (int64_t row = first; row < end; row++) toPairs(a + row * rowStride_, depth_, pairs + (row - first) * rowPairs);
      const int64_t lastPanel = std::min((group + 1) * groupPanels_, panels_.count());
      for (int64_t panel = group * groupPanels_; panel < lastPanel; panel++) {
        const int vectors = panels_.vectors(panel);
        const int64_t column = panels_.begin(panel);
        // Tiles of even height: one of few rows would run at the pace of its longest chain of sums.
        const int64_t tiles = ceilDiv(end - first, tileRows[vectors]);
        for (int64_t t = 0; t < tiles; t++) {
          const int64_t row = first + (end - first) * t / tiles;
          const int rows = static_cast<int>(first + (end - first) * (t + 1) / tiles - row);
          const float* starts[maxTileRows];
          for (int r = 0; r < rows; r++)
            starts[r] = brain_ ? reinterpret_cast<const float*>(pairs + (row - first + r) * rowPairs) : a + (row + r) * rowStride_;
          const Tile tile = brain_ ? brainTileOf(rows, vectors) : tileOf(rows, vectors);
          const int64_t depth = brain_ ? rowPairs : depth_;
          epilogue_.run([&](const Target& target) { tile({starts, 1, depth}, b + column * depth, target); }, rows,
                        panels_.columns(panel), out, columns_, extras, row, column, share.scratch + pairBytes_);
        }
      }
    }
  }

 private:
  /** Axes that pick the matrices, and the strides along them of A, packed B, output and extras. */
  std::vector<int64_t> dims_;
  std::vector<std::vector<int64_t>> strides_;
  int64_t rows_;
  int64_t depth_;
  int64_t columns_;
  int64_t rowStride_;
  /** Whether products are of bfloat16: A is rounded here, block by block. */
  bool brain_;
  Epilogue epilogue_;
  Panels panels_;
  int64_t blockRows_;
  int64_t blocks_;
  int64_t groupPanels_;
  int64_t groups_;
  size_t pairBytes_;
};

}  // namespace

KERNEL(matmul, Matmul)

SCANLINE_KERNELS_END
