// The gradients of a selective scan. States are computed again from checkpoints, and kept from one to the next.
#include "../simd/lane-sums.h"
#include "../simd/scan.h"

SCANLINE_KERNELS_BEGIN

namespace {

/** Bytes for the states and powers of one thread: they should stay in the second cache. */
constexpr int64_t budget = 512 * 1024;

/**
 * An item is one part of a group's channels of one sequence, a vector of channels after the other, so that every sum over
 * channels is made by one thread.
 */
class SelectiveScanGrad : public Kernel {
 public:
  explicit SelectiveScanGrad(Reader& in) : scan_(in), parts_(in.integer()) {
    const int64_t row = scan_.states * lanes;
    kept_ = std::max<int64_t>(1, std::min(scan_.length, budget / (8 * std::max<int64_t>(1, row))));
    chunks_ = ceilDiv(scan_.length, kept_);
    perPart_ = scan_.perGroup() / parts_;
    items = scan_.batch * scan_.groups * parts_;
    cost = static_cast<double>(scan_.length * ceilDiv(perPart_, lanes) * (110 + 32 * scan_.states));
    scratch = sizeof(float) * static_cast<size_t>((3 + chunks_ + 2 * kept_ + 1) * row + kept_ * lanes);
  }

  void run(std::byte* const* args, const Share& share) const override {
    const int64_t allParts = scan_.groups * parts_;
    const int64_t stride = allParts * scan_.states;
    for (int64_t item = share.begin; item < share.end; item++) {
      const int64_t image = item / allParts;
      const int64_t part = item % allParts;
      std::byte* const* const outputs = args + scan_.outer.size();
      float* const sums[] = {
          as<float>(outputs[3]) + image * scan_.length * stride + part * scan_.states,
          as<float>(outputs[4]) + image * scan_.length * stride + part * scan_.states,
      };
      for (float* all : sums)
        for (int64_t t = 0; t < scan_.length; t++) std::fill_n(all + t * stride, scan_.states, 0.0f);
      for (int64_t first = 0; first < perPart_; first += lanes) {
        const int count = static_cast<int>(std::min<int64_t>(lanes, perPart_ - first));
        Pass pass(*this, args, {image, part / parts_, part * perPart_ + first, count}, as<float>(share.scratch));
        pass.sumB = {sums[0], stride};
        pass.sumC = {sums[1], stride};
        pass.run();
      }
    }
  }

 private:
  /** Rows that are added to. */
  struct Rows {
    float* from;
    int64_t stride;
    float* at(int64_t t) const { return from + t * stride; }
  };

  /** One vector of channels, there and back. */
  struct Pass {
    const SelectiveScanGrad& kernel;
    const ScanParams& scan;
    const Spot spot;
    const ScanInputs in;
    Track gradient;
    Rows du, dDelta, dz, sumB, sumC;
    float *da, *lastGradient;
    int64_t lastGradientStride;
    /** In memory of their own, [S][lanes] each: rates, gradients of states and rates; states at the start of each chunk, before each kept step and after the last. */
    float *rates, *dh, *dRates, *checkpoints, *history, *powers, *sizes;
    const int64_t row;

    Pass(const SelectiveScanGrad& owner, std::byte* const* args, const Spot& at, float* memory)
        : kernel(owner), scan(owner.scan_), spot(at), in(scan, args, spot), row(scan.states * lanes) {
      std::byte* const* const outputs = args + scan.outer.size();
      const auto& outer = scan.outer[in.rest];
      gradient = {as<float>(args[in.rest]) + spot.image * outer[0] + spot.channel, outer[1]};
      auto sequence = [&](int output) {
        return Rows{as<float>(outputs[output]) + spot.image * scan.length * scan.channels + spot.channel, scan.channels};
      };
      du = sequence(0);
      dDelta = sequence(1);
      da = as<float>(outputs[2]) + (spot.image * scan.channels + spot.channel) * scan.states;
      if (scan.gate) dz = sequence(5);
      if (scan.lastState) {
        const auto& strides = scan.outer[in.rest + 1];
        lastGradient = as<float>(args[in.rest + 1]) + spot.image * strides[0] + spot.channel * strides[1];
        lastGradientStride = strides[1];
      }
      rates = memory;
      dh = rates + row;
      dRates = dh + row;
      checkpoints = dRates + row;
      history = checkpoints + kernel.chunks_ * row;
      powers = history + (kernel.kept_ + 1) * row;
      sizes = powers + kernel.kept_ * row;
    }

    void run() {
      in.rates(scan.states, rates);
      for (int64_t s = 0; s < scan.states; s++)
        for (int l = 0; l < lanes; l++)
          dh[s * lanes + l] = scan.lastState && l < spot.count ? lastGradient[l * lastGradientStride + s] : 0;
      std::fill_n(dRates, row, 0.0f);
      std::fill_n(checkpoints, row, 0.0f);
      const int64_t kept = kernel.kept_;
      for (int64_t chunk = 0; chunk + 1 < kernel.chunks_; chunk++) {
        std::copy_n(checkpoints + chunk * row, row, history);
        advance(chunk * kept, kept);
        std::copy_n(history + kept * row, row, checkpoints + (chunk + 1) * row);
      }
      for (int64_t chunk = kernel.chunks_ - 1; chunk >= 0; chunk--) {
        const int64_t first = chunk * kept;
        const int64_t count = std::min(kept, scan.length - first);
        std::copy_n(checkpoints + chunk * row, row, history);
        advance(first, count);
        for (int64_t j = count - 1; j >= 0; j--) retreat(j, scan.position(first + j));
      }
      for (int l = 0; l < spot.count; l++)
        for (int64_t s = 0; s < scan.states; s++) da[l * scan.states + s] = dRates[s * lanes + l];
    }

    /** Keeps states, powers and step sizes of `count` steps from `first`. */
    void advance(int64_t first, int64_t count) {
      for (int64_t j = 0; j < count; j++) {
        const int64_t t = scan.position(first + j);
        const Vf raw = loadLanes(in.delta.at(t), spot.count) + in.bias;
        const Vf size = scan.softplus ? softplus(raw) : raw;
        store(sizes + j * lanes, size);
        const Vf input = size * loadLanes(in.u.at(t), spot.count);
        const float* const b = in.b.at(t);
        const float* const before = history + j * row;
        float* const factors = powers + j * row;
        for (int64_t s = 0; s < scan.states; s++) {
          const Vf power = exp2(size * load(rates + s * lanes));
          store(factors + s * lanes, power);
          store(history + (j + 1) * row + s * lanes, fma(power, load(before + s * lanes), input * splat(b[s])));
        }
      }
    }

    /** Undoes kept step `j`, of position `t`. */
    void retreat(int64_t j, int64_t t) {
      const Vf u = loadLanes(in.u.at(t), spot.count);
      const Vf size = load(sizes + j * lanes);
      const Vf given = loadLanes(gradient.at(t), spot.count);
      const Vf z = scan.gate ? loadLanes(in.z.at(t), spot.count) : Vf{};
      const Vf opened = scan.gate ? sigmoid(z) : Vf{};
      const Vf g = scan.gate ? given * z * opened : given;
      Sums sums{size, size * u, g, in.skip * u, {}, {}};
      int64_t s = 0;
      for (; s + lanes <= scan.states; s += lanes) undo<true>(sums, j, t, s, lanes);
      if (s < scan.states) undo<false>(sums, j, t, s, static_cast<int>(scan.states - s));
      storeLanes(du.at(t), fma(size, sums.throughInput, in.skip * g), spot.count);
      // Rates are those of powers of two.
      const Vf change = fma(u, sums.throughInput, sums.throughRate * 0.693147180559945309f);
      const Vf raw = loadLanes(in.delta.at(t), spot.count) + in.bias;
      storeLanes(dDelta.at(t), scan.softplus ? change * sigmoid(raw) : change, spot.count);
      if (scan.gate) storeLanes(dz.at(t), given * sums.y * opened * fma(z, 1.0f - opened, splat(1.0f)), spot.count);
    }

    struct Sums {
      Vf size, input, g;
      /** The output before the gate, and the gradients of delta · u and of delta in the exponent. */
      Vf y, throughInput, throughRate;
    };

    /** As many states as there are lanes, or the `n` that are left. */
    template <bool all>
    INLINE void undo(Sums& sums, int64_t j, int64_t t, int64_t s, int n) {
      const float* const b = in.b.at(t) + s;
      const float* const c = in.c.at(t) + s;
      const int64_t first = s * lanes;
      const float* const before = history + j * row + first;
      const float* const now = before + row;
      const float* const factors = powers + j * row + first;
      Vf toB[lanes], toC[lanes];
#pragma GCC unroll 16
      for (int i = 0; i < lanes; i++) {
        if (!all && i >= n) {
          toB[i] = toC[i] = Vf{};
          continue;
        }
        const int64_t at = i * lanes;
        const Vf state = load(now + at);
        const Vf change = fma(splat(c[i]), sums.g, load(dh + first + at));
        sums.y = fma(splat(c[i]), state, sums.y);
        const Vf passed = change * load(factors + at);
        const Vf memory = passed * load(before + at);
        sums.throughInput = fma(change, splat(b[i]), sums.throughInput);
        sums.throughRate = fma(memory, load(rates + first + at), sums.throughRate);
        store(dRates + first + at, fma(sums.size, memory, load(dRates + first + at)));
        store(dh + first + at, passed);
        toB[i] = change * sums.input;
        toC[i] = sums.g * state;
      }
      float* const rowB = sumB.at(t) + s;
      float* const rowC = sumC.at(t) + s;
      storeLanes(rowB, loadLanes(rowB, n) + laneSums(toB), n);
      storeLanes(rowC, loadLanes(rowC, n) + laneSums(toC), n);
    }
  };

  ScanParams scan_;
  /** Of each group's channels; sums of b and c come for each of them. */
  int64_t parts_;
  int64_t perPart_;
  /** Steps whose states are kept at a time, and how often that is. */
  int64_t kept_;
  int64_t chunks_;
};

}  // namespace

KERNEL(selectiveScanGrad, SelectiveScanGrad)

SCANLINE_KERNELS_END
