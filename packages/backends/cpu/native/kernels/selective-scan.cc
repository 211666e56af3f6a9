// The selective scan: vectors over channels, states in registers.
#include "../simd/scan.h"

SCANLINE_KERNELS_BEGIN

namespace {

/** An item is a vector of channels of one sequence, from its first step to its last. */
class SelectiveScan : public Kernel {
 public:
  explicit SelectiveScan(Reader& in) : scan_(in) {
    items = scan_.vectors();
    cost = scanCost(scan_);
    scratch = ScanScratch::bytes(scan_.states);
  }

  void run(std::byte* const* args, const Share& share) const override {
    const ScanScratch scratch(share.scratch, scan_.states);
    for (int64_t item = share.begin; item < share.end; item++) {
      const Spot spot = spotOf(scan_, item);
      const ScanInputs in(scan_, args, spot);
      float* const y = as<float>(args[in.rest]) + spot.image * scan_.length * scan_.channels + spot.channel;
      runScan(scan_, in, spot, scratch, [&](Vf total, int64_t t) {
        storeLanes(y + t * scan_.channels, scan_.gate ? total * silu(load(in.z.at(t), spot.count)) : total, spot.count);
      });
      if (scan_.lastState) {
        float* const last = as<float>(args[in.rest + 1]) + (spot.image * scan_.channels + spot.channel) * scan_.states;
        for (int l = 0; l < spot.count; l++)
          for (int64_t s = 0; s < scan_.states; s++) last[l * scan_.states + s] = scratch.h[s * lanes + l];
      }
    }
  }

 private:
  ScanParams scan_;
};

}  // namespace

KERNEL(selectiveScan, SelectiveScan)

SCANLINE_KERNELS_END
