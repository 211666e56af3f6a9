// Two selective scans, there and back, and what is done with their sum.
#include "../simd/scan.h"

SCANLINE_KERNELS_BEGIN

namespace {

/**
 * An item is a vector of channels of one sequence, there and back: the second scan adds to what the first has stored,
 * while it is still near, and applies factor and gate.
 */
class BidirectionalScan : public Kernel {
 public:
  explicit BidirectionalScan(Reader& in)
      : forward_(in), backward_(in), gate_(in.flag()), gateStrides_(in.integers()), scale_(in.real()) {
    items = forward_.vectors();
    cost = scanCost(forward_) + scanCost(backward_);
    scratch = ScanScratch::bytes(std::max(forward_.states, backward_.states));
  }

  void run(std::byte* const* args, const Share& share) const override {
    std::byte* const* const others = args + forward_.outer.size();
    std::byte* const* const rest = others + backward_.outer.size();
    const int64_t channels = forward_.channels;
    const Vf scale = splat(scale_);
    for (int64_t item = share.begin; item < share.end; item++) {
      const Spot spot = spotOf(forward_, item);
      float* const y = as<float>(rest[gate_ ? 1 : 0]) + spot.image * forward_.length * channels + spot.channel;
      runScan(forward_, ScanInputs(forward_, args, spot), spot, ScanScratch(share.scratch, forward_.states),
              [&](Vf total, int64_t t) { storeLanes(y + t * channels, total, spot.count); });
      const Track z = gate_ ? Track{as<float>(rest[0]) + spot.image * gateStrides_[0] + spot.channel, gateStrides_[1]} : Track{};
      runScan(backward_, ScanInputs(backward_, others, spot), spot, ScanScratch(share.scratch, backward_.states),
              [&](Vf total, int64_t t) {
                const Vf sum = (load(y + t * channels, spot.count) + total) * scale;
                storeLanes(y + t * channels, gate_ ? sum * silu(load(z.at(t), spot.count)) : sum, spot.count);
              });
    }
  }

 private:
  ScanParams forward_;
  ScanParams backward_;
  bool gate_;
  /** Of its sequences and positions. */
  std::vector<int64_t> gateStrides_;
  float scale_;
};

}  // namespace

KERNEL(bidirectionalScan, BidirectionalScan)

SCANLINE_KERNELS_END
