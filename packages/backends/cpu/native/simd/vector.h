// Vectors of f32 and i32 for the instruction set that a file is compiled for. `+ - * /`, comparisons (lanes of -1 or 0)
// and `mask ? a : b` are the compiler's; here is what it has no operator for.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

#include "../kernel.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

SCANLINE_KERNELS_BEGIN

#if defined(__AVX512F__)
constexpr int lanes = 16;
#elif defined(__AVX2__)
constexpr int lanes = 8;
#else
constexpr int lanes = 4;
#endif

typedef float Vf __attribute__((vector_size(4 * lanes)));
typedef int32_t Vi __attribute__((vector_size(4 * lanes)));

#define INLINE inline __attribute__((always_inline))

INLINE Vi bits(Vf x) { return (Vi)x; }
INLINE Vf floats(Vi x) { return (Vf)x; }

INLINE Vf splat(float x) { return Vf{} + x; }
INLINE Vi splat(int32_t x) { return Vi{} + x; }

INLINE Vf load(const float* p) {
  Vf x;
  std::memcpy(&x, p, sizeof x);
  return x;
}

INLINE void store(float* p, Vf x) { std::memcpy(p, &x, sizeof x); }

#if defined(__AVX2__) && !defined(__AVX512F__)
INLINE __m256i firstLanes(int n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
#endif

/** The first `n` elements, zeros after them. Nothing beyond is touched. */
INLINE Vf load(const float* p, int n) {
#if defined(__AVX512F__)
  return (Vf)_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1), p);
#elif defined(__AVX2__)
  return (Vf)_mm256_maskload_ps(p, firstLanes(n));
#else
  Vf x = {};
  std::memcpy(&x, p, sizeof(float) * static_cast<size_t>(n));
  return x;
#endif
}

/** Stores the first `n` lanes. */
INLINE void store(float* p, Vf x, int n) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n) - 1), (__m512)x);
#elif defined(__AVX2__)
  _mm256_maskstore_ps(p, firstLanes(n), (__m256)x);
#else
  std::memcpy(p, &x, sizeof(float) * static_cast<size_t>(n));
#endif
}

/** As `load` and `store` of the first `n`, where that is mostly all: no mask then, which some processors are slow with. */
INLINE Vf loadLanes(const float* p, int n) { return n == lanes ? load(p) : load(p, n); }
INLINE void storeLanes(float* p, Vf x, int n) {
  if (n == lanes) store(p, x);
  else store(p, x, n);
}

/** a · b + c, rounded once. */
INLINE Vf fma(Vf a, Vf b, Vf c) {
#if defined(__AVX512F__)
  return (Vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX2__)
  return (Vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
  return (Vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#endif
}

INLINE Vf sqrt(Vf x) {
#if defined(__AVX512F__)
  return (Vf)_mm512_sqrt_ps((__m512)x);
#elif defined(__AVX2__)
  return (Vf)_mm256_sqrt_ps((__m256)x);
#else
  return (Vf)vsqrtq_f32((float32x4_t)x);
#endif
}

INLINE Vf floor(Vf x) {
#if defined(__AVX512F__)
  return (Vf)_mm512_roundscale_ps((__m512)x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
#elif defined(__AVX2__)
  return (Vf)_mm256_floor_ps((__m256)x);
#else
  return (Vf)vrndmq_f32((float32x4_t)x);
#endif
}

INLINE Vf ceil(Vf x) {
#if defined(__AVX512F__)
  return (Vf)_mm512_roundscale_ps((__m512)x, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
#elif defined(__AVX2__)
  return (Vf)_mm256_ceil_ps((__m256)x);
#else
  return (Vf)vrndpq_f32((float32x4_t)x);
#endif
}

INLINE Vf toFloat(Vi x) { return __builtin_convertvector(x, Vf); }

INLINE Vf abs(Vf x) { return floats(bits(x) & 0x7fffffff); }
INLINE Vi signOf(Vf x) { return bits(x) & INT32_MIN; }

/** The smaller, NaN if either is; -0 is smaller than 0. */
INLINE Vf min(Vf a, Vf b) {
  const Vf smaller = a == b ? floats(bits(a) | bits(b)) : (a < b ? a : b);
  return a != a ? a : smaller;
}

/** The larger, NaN if either is; 0 is larger than -0. */
INLINE Vf max(Vf a, Vf b) {
  const Vf larger = a == b ? floats(bits(a) & bits(b)) : (a > b ? a : b);
  return a != a ? a : larger;
}

/** The first `n` lanes, zeros after them. */
INLINE Vf keep(Vf x, int n) {
  static constexpr int32_t numbers[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  Vi lane;
  std::memcpy(&lane, numbers, sizeof lane);
  return lane < n ? x : Vf{};
}

/** The larger in one instruction, `x` where it is NaN; either zero. */
INLINE Vf atLeast(Vf x, Vf low) {
#if defined(__AVX512F__)
  return (Vf)_mm512_max_ps((__m512)low, (__m512)x);
#elif defined(__AVX2__)
  return (Vf)_mm256_max_ps((__m256)low, (__m256)x);
#else
  return (Vf)vmaxq_f32((float32x4_t)low, (float32x4_t)x);
#endif
}

/** The smaller in one instruction, `x` where it is NaN; either zero. */
INLINE Vf atMost(Vf x, Vf high) {
#if defined(__AVX512F__)
  return (Vf)_mm512_min_ps((__m512)high, (__m512)x);
#elif defined(__AVX2__)
  return (Vf)_mm256_min_ps((__m256)high, (__m256)x);
#else
  return (Vf)vminq_f32((float32x4_t)high, (float32x4_t)x);
#endif
}

/** Lane i of the result is lane i + H of `x`, going round. */
template <int H, int... I>
INLINE Vf rotated(Vf x, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(x, x, ((I + H) % lanes)...);
}

/** `combine` over all lanes, halves first: the same order everywhere. */
template <int H = lanes / 2, class Combine>
INLINE float foldLanes(Vf x, Combine combine) {
  const Vf folded = combine(x, rotated<H>(x, std::make_integer_sequence<int, lanes>()));
  if constexpr (H > 1) return foldLanes<H / 2>(folded, combine);
  else return folded[0];
}

/** The sum of all lanes, halves first. */
INLINE float sum(Vf x) {
#if defined(__AVX2__)
#if defined(__AVX512F__)
  const __m256 low = _mm512_castps512_ps256((__m512)x);
  const __m256 eight = _mm256_add_ps(low, _mm512_extractf32x8_ps((__m512)x, 1));
#else
  const __m256 eight = (__m256)x;
#endif
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
#else
  return vaddvq_f32((float32x4_t)x);
#endif
}

SCANLINE_KERNELS_END
