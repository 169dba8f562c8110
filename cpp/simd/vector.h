// What all instruction sets share: float vectors by the compiler's vector extension, and E2M1 / E8M0 facts.
#pragma once

#include <cstring>

#include "kernels.h"

#define GPTOSS_INLINE static inline __attribute__((always_inline))
#define GPTOSS_UNROLL _Pragma("GCC unroll 16")

namespace gptoss {
namespace {

template <int Lanes>
struct Vector {
  typedef float F __attribute__((vector_size(Lanes * sizeof(float))));
  typedef std::int32_t I __attribute__((vector_size(Lanes * sizeof(float))));

  GPTOSS_INLINE F set1(float value) { return value - F{}; }

  GPTOSS_INLINE F load(const float* p) {
    F v;
    std::memcpy(&v, p, sizeof v);
    return v;
  }

  GPTOSS_INLINE void store(float* p, F v) { std::memcpy(p, &v, sizeof v); }

  GPTOSS_INLINE F min(F a, F b) { return a < b ? a : b; }
  GPTOSS_INLINE F max(F a, F b) { return a > b ? a : b; }

  // Halves are added until one lane is left: a fixed order.
  GPTOSS_INLINE float sum(F v) {
    float lane[Lanes];
    store(lane, v);
    for (int width = Lanes / 2; width > 0; width /= 2)
      for (int i = 0; i < width; ++i) lane[i] += lane[i + width];
    return lane[0];
  }

  GPTOSS_INLINE float largest(F v) {
    float lane[Lanes];
    store(lane, v);
    for (int width = Lanes / 2; width > 0; width /= 2)
      for (int i = 0; i < width; ++i) lane[i] = lane[i] > lane[i + width] ? lane[i] : lane[i + width];
    return lane[0];
  }
};

// The E2M1 values doubled, so that they are whole numbers; the missing half lies in kMxfp4Scales.
alignas(16) constexpr std::int8_t kE2m1Doubled[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

GPTOSS_INLINE float bits_to_float(std::uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

GPTOSS_INLINE std::uint32_t float_to_bits(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

// Factors of decoded MXFP4 values by scale byte: 2^(byte - 127) / 2, for E2M1 values come doubled. Byte 255 is NaN by
// the OCP MX specification. A table, because the two smallest and the last would cost branches in every block.
struct Mxfp4Scales {
  float factor[256];

  constexpr Mxfp4Scales() : factor() {
    factor[0] = __builtin_bit_cast(float, 0x00200000u);
    factor[1] = __builtin_bit_cast(float, 0x00400000u);
    for (std::uint32_t byte = 2; byte < 255; ++byte) factor[byte] = __builtin_bit_cast(float, (byte - 1) << 23);
    factor[255] = __builtin_bit_cast(float, 0x7fc00000u);
  }
};

constexpr Mxfp4Scales kMxfp4Scales;

// The sixteen values of a block as bfloat16 by scale byte: exact, the smallest as subnormal numbers, the largest as
// infinity. One row of it does the work of a table of codes and a multiplication.
struct Mxfp4Bf16 {
  alignas(32) std::uint16_t value[256][16];

  constexpr Mxfp4Bf16() : value() {
    for (int byte = 0; byte < 256; ++byte)
      for (int code = 0; code < 16; ++code) {
        // In double, because a constant may not overflow.
        const double exact = kE2m1Doubled[code] * static_cast<double>(kMxfp4Scales.factor[byte < 255 ? byte : 0]);
        const bool is_infinite = exact > __FLT_MAX__ || exact < -__FLT_MAX__;
        const std::uint32_t bits = __builtin_bit_cast(std::uint32_t, is_infinite ? 0.0f : static_cast<float>(exact));
        const std::uint32_t infinity = exact < 0 ? 0xff80u : 0x7f80u;
        value[byte][code] = static_cast<std::uint16_t>(byte == 255 ? 0x7fc0u : is_infinite ? infinity : bits >> 16);
      }
  }
};

GPTOSS_INLINE float to_float(float value) { return value; }
GPTOSS_INLINE float to_float(Bf16 value) { return bits_to_float(static_cast<std::uint32_t>(value.bits) << 16); }

GPTOSS_INLINE Bf16 round_to_bf16(float value) {
  const std::uint32_t bits = float_to_bits(value);
  // Rounding up could carry a NaN into infinity, so it is kept as a quiet NaN.
  if ((bits & 0x7fffffffu) > 0x7f800000u) return {static_cast<std::uint16_t>((bits >> 16) | 0x40u)};
  return {static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
}

}  // namespace
}  // namespace gptoss
