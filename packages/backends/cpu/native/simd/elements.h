// Elements of every type as f32 and back. Floats become integers by truncation, saturating, NaN becoming 0; bool is != 0.
#pragma once

#include "vector.h"

SCANLINE_KERNELS_BEGIN

INLINE int bytesOf(Name dtype) {
  switch (dtype) {
    case "i64"_name:
      return 8;
    case "f32"_name:
    case "i32"_name:
      return 4;
    case "f16"_name:
    case "bf16"_name:
      return 2;
    default:
      return 1;
  }
}

/** A bfloat16, by its bits. */
struct Brain {
  uint16_t bits;
};

INLINE float toFloat(float x) { return x; }
INLINE float toFloat(int32_t x) { return static_cast<float>(x); }
INLINE float toFloat(int64_t x) { return static_cast<float>(x); }
INLINE float toFloat(uint8_t x) { return x; }
INLINE float toFloat(_Float16 x) { return static_cast<float>(x); }
INLINE float toFloat(Brain x) {
  const uint32_t wide = static_cast<uint32_t>(x.bits) << 16;
  float value;
  std::memcpy(&value, &wide, sizeof value);
  return value;
}

/** To nearest even; every NaN is the quiet one. */
INLINE Brain toBrain(float x) {
  uint32_t wide;
  std::memcpy(&wide, &x, sizeof wide);
  const uint32_t rounded = (wide + 0x7fff + ((wide >> 16) & 1)) >> 16;
  return {static_cast<uint16_t>(x != x ? 0x7fc0 : rounded)};
}

template <class T>
INLINE T truncated(float x, float low, float above, T most) {
  if (!(x >= low)) return x < low ? static_cast<T>(low) : T{0};
  return x >= above ? most : static_cast<T>(x);
}

/** `n` elements, `stride` apart, widened or rounded to f32. */
template <class T>
INLINE void loadAs(const std::byte* from, int64_t stride, float* to, int n) {
  const T* at = reinterpret_cast<const T*>(from);
  if (stride == 1)
    for (int i = 0; i < n; i++) to[i] = toFloat(at[i]);
  else
    for (int i = 0; i < n; i++) to[i] = toFloat(at[i * stride]);
}

inline void loadFloats(Name dtype, const std::byte* from, int64_t stride, float* to, int n) {
  switch (dtype) {
    case "f32"_name:
      return loadAs<float>(from, stride, to, n);
    case "f16"_name:
      return loadAs<_Float16>(from, stride, to, n);
    case "bf16"_name:
      return loadAs<Brain>(from, stride, to, n);
    case "i32"_name:
      return loadAs<int32_t>(from, stride, to, n);
    case "i64"_name:
      return loadAs<int64_t>(from, stride, to, n);
    default:
      return loadAs<uint8_t>(from, stride, to, n);
  }
}

/** `n` neighbouring elements from f32. */
inline void storeFloats(Name dtype, const float* from, std::byte* to, int n) {
  auto each = [&](auto* out, auto convert) {
    for (int i = 0; i < n; i++) out[i] = convert(from[i]);
  };
  switch (dtype) {
    case "f32"_name:
      return each(as<float>(to), [](float x) { return x; });
    case "f16"_name:
      return each(as<_Float16>(to), [](float x) { return static_cast<_Float16>(x); });
    case "bf16"_name:
      return each(as<Brain>(to), toBrain);
    case "i32"_name:
      return each(as<int32_t>(to), [](float x) { return truncated<int32_t>(x, -2147483648.0f, 2147483648.0f, INT32_MAX); });
    case "i64"_name:
      return each(as<int64_t>(to), [](float x) {
        return truncated<int64_t>(x, -9223372036854775808.0f, 9223372036854775808.0f, INT64_MAX);
      });
    case "u8"_name:
      return each(as<uint8_t>(to), [](float x) { return truncated<uint8_t>(x, 0.0f, 255.0f, 255); });
    default:
      return each(as<uint8_t>(to), [](float x) { return static_cast<uint8_t>(x != 0); });
  }
}

SCANLINE_KERNELS_END
