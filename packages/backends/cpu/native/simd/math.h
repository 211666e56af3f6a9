// Elementary functions on vectors. Polynomials are minimax fits for the intervals named; errors are the largest found
// over all tested arguments, in units in the last place.
#pragma once

#include <cmath>
#include <limits>

#include "vector.h"

SCANLINE_KERNELS_BEGIN

constexpr float infinity = std::numeric_limits<float>::infinity();

/** c0 + c1 x + c2 x² + … by Horner's rule: several vectors are in flight anyway. */
INLINE Vf polynomial(Vf, float c) { return splat(c); }
template <class... More>
INLINE Vf polynomial(Vf x, float c, More... more) {
  return fma(polynomial(x, more...), x, splat(c));
}

// ln 2 in two parts, the first with so few bits that its product with an exponent is exact (Cody and Waite).
constexpr float ln2High = 0.693359375f;
constexpr float ln2Low = -2.121944400546906e-4f;

/** 1.5·2²³: adding it rounds to an integer and leaves that in the low bits. */
constexpr float roundingMagic = 12582912.0f;

/** eˣ, 1 ulp; denormal results included. */
INLINE Vf exp(Vf x) {
  const Vf clamped = atLeast(atMost(x, splat(89.0f)), splat(-104.0f));
  const Vf shifted = fma(clamped, splat(1.44269504088896340736f), splat(roundingMagic));
  const Vf n = shifted - roundingMagic;
  const Vf r = fma(n, splat(-ln2Low), fma(n, splat(-ln2High), clamped));
  // On |r| ≤ ln 2 / 2
  const Vf p = polynomial(r, 1.0f, 1.0f, 0.5f, 0.1666664481163025f, 0.04167125001549721f, 0.008359112776815891f,
                          0.0013538763159886003f);
#if defined(__AVX512F__)
  return (Vf)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
  // 2ⁿ in two factors: one alone would leave the range of normal numbers where the result does not.
  const Vi integer = bits(shifted) - bits(splat(roundingMagic));
  const Vi half = integer >> 1;
  return p * floats((half + 127) << 23) * floats((integer - half + 127) << 23);
#endif
}

/**
 * 2ˣ, within 1.2·10⁻⁷ of it, in half the instructions of `exp`: exactly 1 at 0, as a factor near 1 is multiplied many
 * times over. Zero, infinity and NaN are exact; outside AVX-512 denormal results are not.
 */
INLINE Vf exp2(Vf x) {
  // On |r| ≤ ½.
  auto power = [](Vf r) {
    return polynomial(r, 1.0f, 0.6931470036506653f, 0.24022242426872253f, 0.05550701171159744f, 0.009671514853835106f,
                      0.0013271116185933352f);
  };
#if defined(__AVX512F__)
  // What is left of an infinity is 0 here, where a subtraction would give NaN.
  const Vf r = (Vf)_mm512_reduce_ps((__m512)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  // Powers of the exponent rounded down: hence x - r, a whole number.
  return (Vf)_mm512_scalef_ps((__m512)power(r), (__m512)(x - r));
#else
  // 2⁻¹²⁷ and 2¹²⁸ have the exponent bits of zero and infinity.
  const Vf limited = atMost(atLeast(x, splat(-127.0f)), splat(128.0f));
  const Vf shifted = limited + roundingMagic;
  const Vf p = power(limited - (shifted - roundingMagic));
  return floats(bits(p) + (bits(shifted) << 23));
#endif
}

/** ln x, 1 ulp. */
INLINE Vf log(Vf x) {
  const Vi denormal = x < 1.17549435e-38f;
  const Vf scaled = denormal ? x * 8388608.0f : x;
  // x = 2ᵉ m with √½ ≤ m < √2.
  constexpr int32_t rootHalf = 0x3f3504f3;
  const Vi shifted = bits(scaled) - rootHalf;
  const Vf e = toFloat(shifted >> 23) - floats(denormal & bits(splat(23.0f)));
  const Vf m = floats((shifted & 0x7fffff) + rootHalf) - 1.0f;
  const Vf square = m * m;
  // (ln(1 + m) - m + m² / 2) / m³
  const Vf q = polynomial(m, 0.3333331131198826f, -0.25000007777752437f, 0.20002216402002057f, -0.16668187493814363f,
                          0.14217544969455256f, -0.12400541425021527f, 0.11898876280545312f, -0.11713113278017953f,
                          0.06768552998123441f);
  const Vf tail = fma(e, splat(ln2Low), q * m * square);
  const Vf rest = fma(square, splat(-0.5f), tail);
  const Vf result = fma(e, splat(ln2High), m + rest);
  const Vf edge = x == 0.0f ? splat(-infinity) : (x == infinity ? x : splat(std::numeric_limits<float>::quiet_NaN()));
  return (x > 0.0f) & (x < infinity) ? result : edge;
}

/** ln(1 + x), 2 ulp: the logarithm of the rounded sum, then what rounding took away. */
INLINE Vf log1p(Vf x) {
  const Vf total = x + 1.0f;
  const Vf lost = x - (total - 1.0f);
  const Vf result = log(total) + lost / total;
  // At -1 the correction is 0 / 0.
  const Vf finite = total == 0.0f ? splat(-infinity) : result;
  return (x == 0.0f) | (x == infinity) ? x : finite;
}

/** ln(1 + eˣ), 2 ulp: max(x, 0) + ln(1 + e^-|x|). */
INLINE Vf softplus(Vf x) {
  const Vf t = exp(floats(bits(x) | INT32_MIN));
  // ln(1 + t) / t on 0 ≤ t ≤ 1
  const Vf q = polynomial(t, 1.0f, -0.4999997913837433f, 0.3333211839199066f, -0.24976399540901184f, 0.19786487519741058f,
                          -0.15602466464042664f, 0.11057574301958084f, -0.060899101197719574f, 0.021650172770023346f,
                          -0.0035772332921624184f);
  return fma(q, t, atLeast(x, Vf{}));
}

/** 1 / (1 + e⁻ˣ), 2 ulp: from e^-|x|, which cannot overflow. */
INLINE Vf sigmoid(Vf x) {
  const Vf e = exp(floats(bits(x) | INT32_MIN));
  return (x < 0.0f ? e : splat(1.0f)) / (e + 1.0f);
}

/** tanh x, 2 ulp. */
INLINE Vf tanh(Vf x) {
  const Vf a = abs(x);
  const Vf square = x * x;
  // (tanh x / x - 1) / x² on |x| < 0.625
  const Vf q = polynomial(square, -0.33333283925435786f, 0.13331491290066722f, -0.053743498288490274f, 0.02065058786856214f,
                          -0.005717045612103405f);
  const Vf near = fma(q * square, x, x);
  const Vf far = 1.0f - 2.0f / (exp(a + a) + 1.0f);
  // The sign goes onto both: it would be lost in adding up zeros.
  return floats(bits(a < 0.625f ? near : far) | signOf(x));
}

/** The error function, 2 ulp, 1e-7 absolute: a polynomial near 0, 1 - p(|x|)⁴ beyond. No division, no exponential. */
INLINE Vf erf(Vf x) {
  const Vf a = abs(x);
  const Vf square = x * x;
  // erf x / x - 1 on |x| < 1.05
  const Vf q = polynomial(square, 0.12837916446900305f, -0.37612616176442204f, 0.1128346645448618f, -0.02684851633129746f,
                          0.005177724455739732f, -0.0007912933517393475f, 7.521030556625518e-5f);
  const Vf near = fma(q, x, x);
  // erfc(1 + y)^¼ up to 1 + y = 4, where erf rounds to 1.
  const Vf y = (a > 4.0f ? splat(4.0f) : a) - 1.0f;
  const Vf p = polynomial(y, 0.6297697424888611f, -0.4154932200908661f, 0.004399518482387066f, 0.050486162304878235f,
                          -0.0030143235344439745f, -0.006351056508719921f, 0.0018922783201560378f, -0.00016694270016159862f);
  const Vf p2 = p * p;
  const Vf far = fma(-p2, p2, splat(1.0f));
  return a < 1.05f ? near : floats(bits(far) | signOf(x));
}

/** x sigmoid(x), 3 ulp. */
INLINE Vf silu(Vf x) { return x / (exp(-x) + 1.0f); }

/**
 * x Φ(x) by the error function, 2e-7 absolute up to |x| = 3 and 6e-7 relative: from p(|x|)⁸ for Φ(-|x|), in half the
 * instructions that erf would take. Beyond 5.6 it is x or zero.
 */
INLINE Vf gelu(Vf x) {
  const Vf a = abs(x);
  const Vf t = a > 5.6f ? splat(5.6f) : a;
  const Vf p = polynomial(t, 0.9170040488243103f, -0.09145788848400116f, -0.031925708055496216f, -0.0006775720976293087f,
                          0.001511654001660645f, 2.874922938644886e-05f, -5.773275188403204e-05f, 6.805534212617204e-06f,
                          -1.9900600989330997e-07f, -5.765032451421348e-09f);
  const Vf p2 = p * p;
  const Vf p4 = p2 * p2;
  // Exactly 0 and 1 at the ends: infinities stay what they are.
  const Vf tail = a > 5.6f ? Vf{} : p4 * p4;
  return x * (x < 0.0f ? tail : 1.0f - tail);
}

/** -1, 0 or 1; NaN, 0 and -0 stay as they are. */
INLINE Vf sign(Vf x) { return (x < 0.0f) | (x > 0.0f) ? floats(bits(splat(1.0f)) | signOf(x)) : x; }

/** Lane by lane through the C library in doubles: correctly rounded for practical purposes, and slow. */
template <class F>
INLINE Vf byLane(Vf x, F f) {
  for (int i = 0; i < lanes; i++) x[i] = static_cast<float>(f(static_cast<double>(x[i])));
  return x;
}

INLINE Vf sin(Vf x) {
  return byLane(x, [](double v) { return std::sin(v); });
}
INLINE Vf cos(Vf x) {
  return byLane(x, [](double v) { return std::cos(v); });
}
INLINE Vf pow(Vf x, Vf y) {
  for (int i = 0; i < lanes; i++) x[i] = static_cast<float>(std::pow(static_cast<double>(x[i]), static_cast<double>(y[i])));
  return x;
}

SCANLINE_KERNELS_END
