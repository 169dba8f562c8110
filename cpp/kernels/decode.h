// Rounds what GGUF files store to bfloat16: half precision, and blocks of signed bytes with a half-precision scale.
#pragma once

#include "simd/isa.h"

namespace gptoss {
namespace {

// Exactly; NaN stays NaN.
GPTOSS_INLINE float half_to_float(std::uint16_t half) {
  const std::int32_t sign = (half & 0x8000) << 16, magnitude = half & 0x7fff;
  // Below 2^-14 the exponent is that of 2^-14, and the mantissa has no leading one.
  const std::uint32_t small = float_to_bits(static_cast<float>(magnitude) * 0x1p-24f);
  const std::int32_t exponent = magnitude < 0x7c00 ? 127 - 15 : 255 - 31;
  const std::uint32_t large = static_cast<std::uint32_t>((magnitude << 13) + (exponent << 23));
  return bits_to_float(static_cast<std::uint32_t>(sign) | (magnitude < 0x0400 ? small : large));
}

// Values [begin, end).
void f16_to_bf16(const std::uint16_t* x, Bf16* out, Index begin, Index end) {
  for (Index i = begin; i < end; ++i) out[i] = round_to_bf16(half_to_float(x[i]));
}

// Blocks [begin, end).
void q8_0_to_bf16(const std::uint8_t* blocks, Bf16* out, Index begin, Index end) {
  for (Index block = begin; block < end; ++block) {
    const std::uint8_t* stored = blocks + block * kQ80Bytes;
    std::uint16_t half;
    std::memcpy(&half, stored, sizeof half);
    std::int8_t values[kBlock];
    std::memcpy(values, stored + sizeof half, sizeof values);
    const float scale = half_to_float(half);
    for (Index i = 0; i < kBlock; ++i) out[block * kBlock + i] = round_to_bf16(scale * static_cast<float>(values[i]));
  }
}

}  // namespace
}  // namespace gptoss
