// The selective scan of one vector of channels: what both kernels of the forward pass share.
#pragma once

#include <algorithm>
#include <vector>

#include "layout.h"
#include "math.h"

SCANLINE_KERNELS_BEGIN

/** As `ScanParams` of src/scan.ts. */
struct ScanParams {
  explicit ScanParams(Reader& in)
      : batch(in.integer()),
        length(in.integer()),
        channels(in.integer()),
        states(in.integer()),
        groups(in.integer()),
        skip(in.flag()),
        gate(in.flag()),
        bias(in.flag()),
        softplus(in.flag()),
        reverse(in.flag()),
        lastState(in.flag()),
        outer(in.list([](Reader& one) { return one.integers(); })) {}

  int64_t batch, length, channels, states, groups;
  bool skip, gate, bias, softplus, reverse, lastState;
  /** Strides of all axes but the innermost, of every input. */
  std::vector<std::vector<int64_t>> outer;

  int64_t perGroup() const { return channels / groups; }
  /** Vectors of channels: whole ones, and one for what is left at the end of each group. */
  int64_t vectors() const { return batch * groups * ceilDiv(perGroup(), lanes); }
  /** Position of step `i`. */
  int64_t position(int64_t i) const { return reverse ? length - 1 - i : i; }
};

/** Up to a vector of neighbouring channels of one group of one sequence. */
struct Spot {
  int64_t image, group, channel;
  int count;
};

inline Spot spotOf(const ScanParams& scan, int64_t item) {
  const int64_t perGroup = scan.perGroup();
  const int64_t blocks = ceilDiv(perGroup, lanes);
  const int64_t first = item % blocks * lanes;
  const int64_t group = item / blocks % scan.groups;
  return {item / blocks / scan.groups, group, group * perGroup + first, static_cast<int>(std::min<int64_t>(lanes, perGroup - first))};
}

/** Rows of one sequence. */
struct Track {
  const float* from;
  int64_t stride;
  const float* at(int64_t t) const { return from + t * stride; }
};

/** Where a scan's inputs lie at a spot. */
class ScanInputs {
 public:
  ScanInputs(const ScanParams& scan, std::byte* const* args, const Spot& spot) : spot_(spot) {
    auto sequence = [&](size_t input) {
      const auto& outer = scan.outer[input];
      return Track{as<float>(args[input]) + spot.image * outer[0] + spot.channel, outer[1]};
    };
    auto shared = [&](size_t input) {
      const auto& outer = scan.outer[input];
      return Track{as<float>(args[input]) + spot.image * outer[0] + (outer.size() > 2 ? spot.group * outer[2] : 0), outer[1]};
    };
    u = sequence(0);
    delta = sequence(1);
    rates_ = as<float>(args[2]) + spot.channel * scan.states;
    b = shared(3);
    c = shared(4);
    size_t next = 5;
    if (scan.skip) skip = load(as<float>(args[next++]) + spot.channel, spot.count);
    if (scan.gate) z = sequence(next++);
    if (scan.bias) bias = load(as<float>(args[next++]) + spot.channel, spot.count);
    rest = next;
  }

  /** Writes a · log₂ e as [S][lanes]: powers are of two. */
  void rates(int64_t states, float* to) const {
    for (int64_t s = 0; s < states; s++)
      for (int l = 0; l < lanes; l++) to[s * lanes + l] = l < spot_.count ? rates_[l * states + s] * 1.44269504088896340736f : 0;
  }

  Track u, delta, b, c, z;
  Vf skip = {};
  Vf bias = {};
  /** How many inputs there are. */
  size_t rest;

 private:
  Spot spot_;
  const float* rates_;
};

/** Steps of a block: what a vector of channels needs for them stays in the first cache. */
constexpr int64_t scanBlock = 32;

/** States that are held in registers, beside what their exponentials take. */
#if defined(__AVX512F__)
constexpr int heldStates = 16;
#elif defined(__AVX2__)
constexpr int heldStates = 4;
#else
constexpr int heldStates = 8;
#endif

/** Of one vector of channels. */
struct ScanScratch {
  ScanScratch(std::byte* memory, int64_t states)
      : rates(as<float>(memory)), h(rates + states * lanes), steps(h + states * lanes) {}
  static size_t bytes(int64_t states) { return sizeof(float) * lanes * static_cast<size_t>(2 * states + 3 * scanBlock); }

  /** [S][lanes]. */
  float* rates;
  float* h;
  /** Step size, its product with u, and the output, of each step of a block. */
  float* steps;
};

/** Vector instructions for one vector of channels. */
inline double scanCost(const ScanParams& scan) { return static_cast<double>(scan.length) * (60 + 12 * static_cast<double>(scan.states)); }

/** Takes `K` states through `count` steps and adds Σ c h to the outputs. */
template <int K>
void scanStates(const float* rates, float* h, float* steps, const float* b, int64_t strideB, const float* c, int64_t strideC,
                int64_t count) {
  Vf held[K];
#pragma GCC unroll 16
  for (int s = 0; s < K; s++) held[s] = load(h + s * lanes);
  for (int64_t i = 0; i < count; i++, steps += 3 * lanes, b += strideB, c += strideC) {
    const Vf size = load(steps);
    const Vf input = load(steps + lanes);
    Vf total = load(steps + 2 * lanes);
#pragma GCC unroll 16
    for (int s = 0; s < K; s++) {
      held[s] = fma(exp2(size * load(rates + s * lanes)), held[s], input * splat(b[s]));
      total = fma(held[s], splat(c[s]), total);
    }
    store(steps + 2 * lanes, total);
  }
#pragma GCC unroll 16
  for (int s = 0; s < K; s++) store(h + s * lanes, held[s]);
}

/**
 * Scans the channels of a spot from the first step to the last, a block of steps at a time: step sizes and inputs, then
 * the states, which stay in registers, then `finish(total, t, count)` for every position `t` with Σ c h + d u.
 * Leaves the last state in `scratch.h`.
 */
template <class Finish>
void runScan(const ScanParams& scan, const ScanInputs& in, const Spot& spot, const ScanScratch& scratch, Finish finish) {
  const int64_t states = scan.states;
  in.rates(states, scratch.rates);
  std::fill_n(scratch.h, states * lanes, 0.0f);
  const int64_t direction = scan.reverse ? -1 : 1;
  for (int64_t first = 0; first < scan.length; first += scanBlock) {
    const int64_t count = std::min(scanBlock, scan.length - first);
    for (int64_t i = 0; i < count; i++) {
      const int64_t t = scan.position(first + i);
      const Vf raw = load(in.delta.at(t), spot.count) + in.bias;
      const Vf size = scan.softplus ? softplus(raw) : raw;
      const Vf u = load(in.u.at(t), spot.count);
      float* const step = scratch.steps + 3 * lanes * i;
      store(step, size);
      store(step + lanes, size * u);
      store(step + 2 * lanes, in.skip * u);
    }
    const int64_t start = scan.position(first);
    const int64_t strideB = direction * in.b.stride;
    const int64_t strideC = direction * in.c.stride;
    int64_t s = 0;
    auto some = [&](auto states) {
      constexpr int K = decltype(states)::value;
      for (; s + K <= scan.states; s += K)
        scanStates<K>(scratch.rates + s * lanes, scratch.h + s * lanes, scratch.steps, in.b.at(start) + s, strideB,
                      in.c.at(start) + s, strideC, count);
    };
    some(std::integral_constant<int, heldStates>());
    if constexpr (heldStates > 8) some(std::integral_constant<int, 8>());
    if constexpr (heldStates > 4) some(std::integral_constant<int, 4>());
    some(std::integral_constant<int, 1>());
    for (int64_t i = 0; i < count; i++) finish(load(scratch.steps + 3 * lanes * i + 2 * lanes), scan.position(first + i));
  }
}

SCANLINE_KERNELS_END
