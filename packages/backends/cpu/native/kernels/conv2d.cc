// Dense convolution as a product: the rows of the left side are the patches under the window, read where they lie in the
// image. Zeros around it were put there before.
#include "../simd/epilogue.h"
#include "../simd/gemm-bf16.h"
#include "../simd/window.h"

SCANLINE_KERNELS_BEGIN

namespace {

/** Elements of patches that go through one panel after another: half of a second-level cache of 512 KiB. */
constexpr int64_t cachedElements = 65536;

/** Pieces that leave no thread of a few waiting for long. */
constexpr int64_t enoughItems = 24;

class Conv2d : public Kernel {
 public:
  explicit Conv2d(Reader& in)
      : window_(in), columns_(in.integer()), brain_(in.flag()), epilogue_(in), panels_(columns_) {
    const Window& w = window_;
    // Taps of a row lie side by side, channels included, where nothing is left out between them.
    const bool joined = w.dilation.x == 1 && w.pixelStride == w.channels;
    const int64_t inRow = joined ? 1 : w.kernel.x;
    segmentDepth_ = joined ? w.kernel.x * w.channels : w.channels;
    for (int64_t ky = 0; ky < w.kernel.y; ky++)
      for (int64_t kx = 0; kx < inRow; kx++)
        segments_.push_back(ky * w.dilation.y * w.rowStride + kx * w.dilation.x * w.pixelStride);
    depth_ = w.kernel.y * w.kernel.x * w.channels;
    pixels_ = w.images * w.outHeight * w.outWidth;
    const int64_t fitting = std::max<int64_t>(maxTileRows, cachedElements / std::max<int64_t>(1, depth_));
    int64_t blocks = std::max(ceilDiv(pixels_, fitting), std::min(enoughItems, pixels_ / (2 * maxTileRows)));
    blocks = std::max<int64_t>(1, blocks);
    // Whole tiles of the usual height.
    constexpr int64_t height = tileRows[panelVectors];
    blockPixels_ = ceilDiv(ceilDiv(pixels_, blocks), height) * height;
    items = pixels_ == 0 || columns_ == 0 ? 0 : ceilDiv(pixels_, blockPixels_);
    cost = static_cast<double>(blockPixels_) * static_cast<double>(panels_.padded()) / lanes *
           (1.2 * static_cast<double>(depth_) + epilogue_.cost());
    startBytes_ = (sizeof(float*) * maxTileRows * segments_.size() + 63) / 64 * 64;
    rowPairs_ = pairsOf(depth_);
    pairBytes_ = brain_ ? (sizeof(Pair) * static_cast<size_t>((blockPixels_ + 1) * rowPairs_) + 63) / 64 * 64 : 0;
    scratch = startBytes_ + pairBytes_ + epilogue_.scratch();
  }

  void run(std::byte* const* args, const Share& share) const override {
    const size_t extraCount = epilogue_.extraCount();
    const float* const image = as<float>(args[0]);
    const float* const weight = as<float>(args[1]);
    const float* extras[maxOperands];
    for (size_t k = 0; k < extraCount; k++) extras[k] = as<float>(args[2 + k]);
    float* const out = as<float>(args[2 + extraCount]);
    const float** const starts = as<const float*>(share.scratch);
    const int segments = static_cast<int>(segments_.size());

    for (int64_t item = share.begin; item < share.end; item++) {
      const int64_t first = item * blockPixels_;
      const int64_t end = std::min(first + blockPixels_, pixels_);
      Pair* const pairs = as<Pair>(share.scratch + startBytes_);
      if (brain_) gatherPairs(image, first, end, pairs);
      for (int64_t panel = 0; panel < panels_.count(); panel++) {
        const int vectors = panels_.vectors(panel);
        const int64_t column = panels_.begin(panel);
        const int64_t tiles = ceilDiv(end - first, tileRows[vectors]);
        for (int64_t t = 0; t < tiles; t++) {
          const int64_t pixel = first + (end - first) * t / tiles;
          const int rows = static_cast<int>(first + (end - first) * (t + 1) / tiles - pixel);
          for (int r = 0; r < rows; r++) {
            if (brain_) {
              starts[r] = reinterpret_cast<const float*>(pairs + (pixel - first + r) * rowPairs_);
              continue;
            }
            const float* const patch = image + patchOffset(pixel + r);
            for (int s = 0; s < segments; s++) starts[s * rows + r] = patch + segments_[static_cast<size_t>(s)];
          }
          const Tile tile = brain_ ? brainTileOf(rows, vectors) : tileOf(rows, vectors);
          const Left left = brain_ ? Left{starts, 1, rowPairs_} : Left{starts, segments, segmentDepth_};
          const float* const right = weight + column * (brain_ ? rowPairs_ : depth_);
          epilogue_.run([&](const Target& target) { tile(left, right, target); }, rows, panels_.columns(panel), out, columns_,
                        extras, pixel, column, share.scratch + startBytes_ + pairBytes_);
        }
      }
    }
  }

 private:
  /** The patches of output pixels as rows of bfloat16 pairs. */
  void gatherPairs(const float* image, int64_t first, int64_t end, Pair* to) const {
    for (int64_t pixel = first; pixel < end; pixel++, to += rowPairs_) {
      auto* halves = reinterpret_cast<Brain*>(to);
      for (const int64_t segment : segments_) {
        const float* const from = image + patchOffset(pixel) + segment;
        for (int64_t i = 0; i < segmentDepth_; i++) halves[i] = toBrain(from[i]);
        halves += segmentDepth_;
      }
      if (depth_ % 2) *halves = {0};
    }
  }

  int64_t patchOffset(int64_t pixel) const {
    const int64_t x = pixel % window_.outWidth;
    const int64_t y = pixel / window_.outWidth % window_.outHeight;
    const int64_t n = pixel / window_.outWidth / window_.outHeight;
    return n * window_.imageStride + y * window_.stride.y * window_.rowStride + x * window_.stride.x * window_.pixelStride;
  }

  Window window_;
  int64_t columns_;
  /** Whether products are of bfloat16: patches are rounded here, block by block. */
  bool brain_;
  Epilogue epilogue_;
  Panels panels_;
  /** Where each run of neighbouring taps begins within a patch. */
  std::vector<int64_t> segments_;
  int64_t segmentDepth_;
  int64_t depth_;
  int64_t pixels_;
  int64_t blockPixels_;
  size_t startBytes_;
  int64_t rowPairs_;
  size_t pairBytes_;
};

}  // namespace

KERNEL(conv2d, Conv2d)

SCANLINE_KERNELS_END
