// What all instruction sets share: float vectors by the compiler's vector extension, and E2M1 / E8M0 facts.
#pragma once

#include <cstring>
#include <type_traits>

#include "kernels.h"

#define GPTOSS_INLINE static inline __attribute__((always_inline))
#define GPTOSS_METHOD inline __attribute__((always_inline))
#define GPTOSS_UNROLL _Pragma("GCC unroll 16")

namespace gptoss {
namespace {

template <int Lanes>
struct Vector {
  typedef float F __attribute__((vector_size(Lanes * sizeof(float))));
  typedef std::int32_t I __attribute__((vector_size(Lanes * sizeof(float))));
  typedef std::uint32_t U __attribute__((vector_size(Lanes * sizeof(float))));

  GPTOSS_INLINE F set1(float value) { return value - F{}; }

  GPTOSS_INLINE F load(const float* p) {
    F v;
    std::memcpy(&v, p, sizeof v);
    return v;
  }

  GPTOSS_INLINE void store(float* p, F v) { std::memcpy(p, &v, sizeof v); }

  GPTOSS_INLINE F min(F a, F b) { return a < b ? a : b; }
  GPTOSS_INLINE F max(F a, F b) { return a > b ? a : b; }

  GPTOSS_INLINE std::int32_t load_word(const void* p) {
    std::int32_t word;
    std::memcpy(&word, p, sizeof word);
    return word;
  }

  // What a block's sum begins with: nothing, unless weights carry an offset.
  template <class Weights, class Act>
  GPTOSS_INLINE F start(const Weights&, F, const Act*) {
    return F{};
  }

  // A block's sum in whole numbers, if that is what it is.
  template <class Weights, class Act>
  GPTOSS_INLINE I whole(const Weights&, I sum, const Act*) {
    return sum;
  }
};

// The E2M1 values doubled, so that they are whole numbers, and moved up, so that they are positive.
alignas(16) constexpr std::uint8_t kE2m1Raised[16] = {16, 17, 18, 19, 20, 22, 24, 28, 16, 15, 14, 13, 12, 10, 8, 4};

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

// E2M1 values, as floats and by their bfloat16 bits.
alignas(64) constexpr float kE2m1[16] = {0.0f,  0.5f,  1.0f,  1.5f,  2.0f,  3.0f,  4.0f,  6.0f,
                                         -0.0f, -0.5f, -1.0f, -1.5f, -2.0f, -3.0f, -4.0f, -6.0f};
alignas(32) constexpr std::uint16_t kE2m1Bf16[16] = {0x0000, 0x3f00, 0x3f80, 0x3fc0, 0x4000, 0x4040, 0x4080, 0x40c0,
                                                     0x8000, 0xbf00, 0xbf80, 0xbfc0, 0xc000, 0xc040, 0xc080, 0xc0c0};

// 2^(byte - 127): the smallest is subnormal. Byte 255 is NaN by the OCP MX specification; packing refuses it.
GPTOSS_INLINE float e8m0(std::uint8_t byte) {
  return bits_to_float(byte == 0 ? 0x00400000u : static_cast<std::uint32_t>(byte) << 23);
}

// What is added to packed weights to make them positive, which the eight-bit products want: to doubled E2M1 values in
// registers, to eight-bit weights in memory. The second is a multiple of the first, so one correction serves both.
constexpr int kE2m1Offset = 16, kInt8Offset = 128;

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
