// One filter a channel. A cache line of channels at a time: the part of the image that a band of output rows needs is
// copied, with zeros around it, to where its rows lie close together (in the image they are a whole row of all channels
// apart, and would evict each other), and several pixels of an output row are summed in registers.
#include "../simd/epilogue.h"
#include "../simd/window.h"

SCANLINE_KERNELS_BEGIN

namespace {

/** Channels of a block: a cache line. */
constexpr int line = 16;
constexpr int lineVectors = line / lanes;

// Sums, the weights of taps in hand and one input fill the registers.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int maxPixels = 14;
constexpr int heldTaps = 7;
#else
constexpr int maxPixels = 8;
constexpr int heldTaps = 4;
#endif

/** Bytes of a band's copy: a good part of a second-level cache. */
constexpr int64_t bandBytes = 160 * 1024;

/** Pieces that leave no thread of a few waiting for long. */
constexpr int64_t enoughItems = 16;

/** Where a row segment's sums come from: the copied rows, and the weights of the block, [taps, line]. */
struct Taps {
  const float* rows;
  /** Elements from one copied row to the next under a tap. */
  int64_t rowStep;
  const float* weights;
  int kernelHeight;
  int kernelWidth;
  /** Pixels from one tap to the next, and from one output pixel to the next. */
  int64_t dilation;
  int64_t stride;
};

using Segment = void (*)(const Taps& taps, float* sums);

/** P pixels of one vector of channels; K taps in a row, neighbours, as are the pixels. */
template <int P, int K>
void dense(const Taps& taps, float* out) {
  for (int v = 0; v < lineVectors; v++) {
    Vf sums[P] = {};
    const float* row = taps.rows + v * lanes;
    const float* weights = taps.weights + v * lanes;
    for (int ky = 0; ky < taps.kernelHeight; ky++, row += taps.rowStep, weights += K * line) {
#pragma GCC unroll 8
      for (int first = 0; first < K; first += heldTaps) {
        Vf held[heldTaps];
#pragma GCC unroll 8
        for (int t = 0; t < heldTaps; t++)
          if (first + t < K) held[t] = load(weights + (first + t) * line);
#pragma GCC unroll 32
        for (int column = first; column < P + K - 1; column++) {
          if (column - first > P + heldTaps - 2) continue;
          const Vf x = load(row + column * line);
#pragma GCC unroll 8
          for (int t = 0; t < heldTaps; t++) {
            const int p = column - first - t;
            if (first + t < K && p >= 0 && p < P) sums[p] = fma(x, held[t], sums[p]);
          }
        }
      }
    }
#pragma GCC unroll 16
    for (int p = 0; p < P; p++) store(out + p * line + v * lanes, sums[p]);
  }
}

/** P pixels, any window. */
template <int P>
void general(const Taps& taps, float* out) {
  for (int v = 0; v < lineVectors; v++) {
    Vf sums[P] = {};
    const float* row = taps.rows + v * lanes;
    const float* weight = taps.weights + v * lanes;
    for (int ky = 0; ky < taps.kernelHeight; ky++, row += taps.rowStep) {
      const float* x = row;
      for (int kx = 0; kx < taps.kernelWidth; kx++, weight += line, x += taps.dilation * line) {
        const Vf w = load(weight);
#pragma GCC unroll 16
        for (int p = 0; p < P; p++) sums[p] = fma(w, load(x + p * taps.stride * line), sums[p]);
      }
    }
#pragma GCC unroll 16
    for (int p = 0; p < P; p++) store(out + p * line + v * lanes, sums[p]);
  }
}

template <size_t... P>
Segment pick(const Window& window, int pixels, std::index_sequence<P...>) {
  static constexpr Segment seven[] = {dense<static_cast<int>(P) + 1, 7>...};
  static constexpr Segment three[] = {dense<static_cast<int>(P) + 1, 3>...};
  static constexpr Segment any[] = {general<static_cast<int>(P) + 1>...};
  const bool neighbours = window.stride.x == 1 && window.dilation.x == 1;
  const Segment* const table = neighbours && window.kernel.x == 7 ? seven : neighbours && window.kernel.x == 3 ? three : any;
  return table[pixels - 1];
}

class DepthwiseConv2d : public Kernel {
 public:
  explicit DepthwiseConv2d(Reader& in) : window_(in), reversed_(in.flag()), epilogue_(in) {
    const Window& w = window_;
    blocks_ = ceilDiv(w.channels, line);
    rowLength_ = (w.width + w.left + w.right) * line;
    const int64_t reach = (w.kernel.y - 1) * w.dilation.y + 1;
    const int64_t fitting = std::max<int64_t>(1, (bandBytes / (4 * rowLength_) - reach) / w.stride.y + 1);
    const int64_t wanted = ceilDiv(w.outHeight, ceilDiv(enoughItems, std::max<int64_t>(1, w.images * blocks_)));
    // A band repeats the rows that it shares with the next: it is at least as high as they are.
    bandRows_ = std::max<int64_t>(1, std::min({w.outHeight, fitting, std::max(wanted, ceilDiv(reach, w.stride.y))}));
    bands_ = ceilDiv(w.outHeight, bandRows_);
    items = w.outWidth == 0 ? 0 : w.images * bands_ * blocks_;
    const double taps = static_cast<double>(w.kernel.y * w.kernel.x);
    cost = static_cast<double>(bandRows_ * w.outWidth * lineVectors) * (taps + epilogue_.cost() + 4);
    weightBytes_ = sizeof(float) * static_cast<size_t>(line * w.kernel.y * w.kernel.x);
    imageBytes_ = sizeof(float) * static_cast<size_t>(((bandRows_ - 1) * w.stride.y + reach) * rowLength_);
    scratch = weightBytes_ + imageBytes_ + epilogue_.scratch();
  }

  void run(std::byte* const* args, const Share& share) const override {
    const Window& w = window_;
    float* const weights = as<float>(share.scratch);
    float* const image = as<float>(share.scratch + weightBytes_);
    std::byte* const rest = share.scratch + weightBytes_ + imageBytes_;
    const size_t extraCount = epilogue_.extraCount();
    const float* extras[maxOperands];
    for (size_t k = 0; k < extraCount; k++) extras[k] = as<float>(args[2 + k]);
    float* const out = as<float>(args[2 + extraCount]);

    const int64_t segments = ceilDiv(w.outWidth, maxPixels);
    for (int64_t item = share.begin; item < share.end; item++) {
      // Blocks of channels run fastest, so that threads divide the image as they do in products.
      const int64_t block = item % blocks_;
      const int64_t band = item / blocks_ % bands_;
      const int64_t n = item / blocks_ / bands_;
      const int64_t channel = block * line;
      const int columns = static_cast<int>(std::min<int64_t>(line, w.channels - channel));
      const int64_t first = band * bandRows_;
      const int64_t rows = std::min(bandRows_, w.outHeight - first);

      copyWeights(as<float>(args[1]) + channel, columns, weights);
      copyImage(as<float>(args[0]) + n * w.imageStride + channel, columns, first, rows, image);
      for (int64_t y = 0; y < rows; y++) {
        for (int64_t s = 0; s < segments; s++) {
          const int64_t x = w.outWidth * s / segments;
          const int pixels = static_cast<int>(w.outWidth * (s + 1) / segments - x);
          const Segment segment = pick(w, pixels, std::make_index_sequence<maxPixels>());
          const Taps taps{image + y * w.stride.y * rowLength_ + x * w.stride.x * line,
                          w.dilation.y * rowLength_,
                          weights,
                          static_cast<int>(w.kernel.y),
                          static_cast<int>(w.kernel.x),
                          w.dilation.x,
                          w.stride.x};
          const int64_t pixel = (n * w.outHeight + first + y) * w.outWidth + x;
          epilogue_.run(
              [&](const Target& target) {
                float sums[maxPixels * line];
                segment(taps, sums);
                finish(sums, pixels, target);
              },
              pixels, columns, out, w.channels, extras, pixel, channel, rest);
        }
      }
    }
  }

 private:
  /** The weights of one block, zeros for channels that do not exist. */
  void copyWeights(const float* from, int columns, float* to) const {
    const int64_t taps = window_.kernel.y * window_.kernel.x;
    for (int64_t tap = 0; tap < taps; tap++)
      copyLine(from + tap * window_.channels, columns, to + (reversed_ ? taps - 1 - tap : tap) * line);
  }

  /** The rows of the image under output rows `first` and on, zeros around them. */
  void copyImage(const float* from, int columns, int64_t first, int64_t rows, float* to) const {
    const Window& w = window_;
    const int64_t top = first * w.stride.y - w.top;
    const int64_t count = (rows - 1) * w.stride.y + (w.kernel.y - 1) * w.dilation.y + 1;
    for (int64_t r = 0; r < count; r++, to += rowLength_) {
      const int64_t y = top + r;
      if (y < 0 || y >= w.height) {
        std::fill(to, to + rowLength_, 0.0f);
        continue;
      }
      // Padding may be negative, in the gradient: then there are pixels that nothing sees.
      float* at = std::fill_n(to, w.left * line, 0.0f);
      const int64_t end = w.width + std::min<int64_t>(0, w.right);
      const float* const row = from + y * w.rowStride;
      for (int64_t x = std::max<int64_t>(0, -w.left); x < end; x++, at += line) copyLine(row + x * w.pixelStride, columns, at);
      std::fill_n(at, w.right * line, 0.0f);
    }
  }

  INLINE static void copyLine(const float* from, int columns, float* to) {
#pragma GCC unroll 4
    for (int v = 0; v < lineVectors; v++) store(to + v * lanes, part(from, v, columns));
  }

  /** Vector `v` of a line, of which `columns` exist. */
  INLINE static Vf part(const float* from, int v, int columns) {
    const int rest = columns - v * lanes;
    return rest >= lanes ? load(from + v * lanes) : rest > 0 ? load(from + v * lanes, rest) : Vf{};
  }

  /** Adds the addends and stores what exists. */
  INLINE static void finish(const float* sums, int pixels, const Target& target) {
    for (int p = 0; p < pixels; p++) {
#pragma GCC unroll 4
      for (int v = 0; v < lineVectors; v++) {
        Vf x = load(sums + p * line + v * lanes);
        for (int a = 0; a < target.addendCount; a++)
          x += part(target.addends[a].at + p * target.addends[a].stride, v, target.columns);
        const int rest = target.columns - v * lanes;
        float* const to = target.out + p * target.stride + v * lanes;
        if (rest >= lanes) store(to, x);
        else if (rest > 0) store(to, x, rest);
      }
    }
  }

  Window window_;
  /** Whether the taps are taken from the last to the first. */
  bool reversed_;
  Epilogue epilogue_;
  int64_t blocks_;
  int64_t bandRows_;
  int64_t bands_;
  /** Elements of a copied row, zeros included. */
  int64_t rowLength_;
  size_t weightBytes_;
  size_t imageBytes_;
};

}  // namespace

KERNEL(depthwiseConv2d, DepthwiseConv2d)

SCANLINE_KERNELS_END
