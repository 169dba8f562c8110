// Lays weights out as kernels.h says: groups of features side by side.
#pragma once

#include "simd/isa.h"

namespace gptoss {
namespace {

// Inputs 8 z to 8 z + 7 of a feature, as a checkpoint has them: two to a byte, the lower nibble first.
GPTOSS_INLINE std::uint32_t pack_nibbles(std::uint32_t stored) {
  std::uint32_t even = stored & 0x0f0f0f0fu, odd = stored >> 4 & 0x0f0f0f0fu;
  even = (even | even >> 4) & 0x00ff00ffu;
  odd = (odd | odd >> 4) & 0x00ff00ffu;
  return ((even | even >> 8) & 0xffffu) | (odd | odd >> 8) << 16;
}

// Groups [begin, end) of MXFP4 blocks (out, in / 32, 16) and scales (out, in / 32).
void pack_mxfp4(const std::uint8_t* blocks, const std::uint8_t* scales, Index num_blocks, std::uint8_t* out,
                std::uint8_t* out_scales, Index begin, Index end) {
  for (Index group = begin; group < end; ++group)
    for (Index block = 0; block < num_blocks; ++block) {
      const Index to = group * num_blocks + block;
      for (Index feature = 0; feature < kGroup; ++feature) {
        const Index from = (group * kGroup + feature) * num_blocks + block;
        out_scales[to * kGroup + feature] = scales[from];
        for (Index z = 0; z < 4; ++z) {
          std::uint32_t word;
          std::memcpy(&word, blocks + from * 16 + z * 4, sizeof word);
          word = pack_nibbles(word);
          std::memcpy(out + to * 256 + z * 64 + feature * 4, &word, sizeof word);
        }
      }
    }
}

// Groups [begin, end) of bfloat16 weight (out, in), rounded to eight bits by blocks of 32 inputs. The scale is the
// bfloat16 at or above the largest magnitude / 127, so that no value passes 127; ties go to even.
void pack_int8(const Bf16* weight, Index features, Index num_blocks, std::uint8_t* out, Bf16* scales, Index begin,
               Index end) {
  for (Index group = begin; group < end; ++group)
    for (Index block = 0; block < num_blocks; ++block) {
      const Index to = group * num_blocks + block;
      for (Index lane = 0; lane < kGroup; ++lane) {
        const Index feature = group * kGroup + lane;
        float value[kBlock] = {}, largest = 0.0f;
        if (feature < features)
          for (Index i = 0; i < kBlock; ++i) {
            value[i] = to_float(weight[(feature * num_blocks + block) * kBlock + i]);
            const float magnitude = value[i] < 0 ? -value[i] : value[i];
            largest = magnitude > largest ? magnitude : largest;
          }
        const std::uint32_t bits = float_to_bits(largest / 127.0f);
        const Bf16 scale = {static_cast<std::uint16_t>((bits + 0xffffu) >> 16)};
        const float factor = largest < 1e-30f ? 0.0f : 1.0f / to_float(scale);
        scales[to * kGroup + lane] = largest < 1e-30f ? Bf16{0} : scale;
        for (Index i = 0; i < kBlock; ++i) {
          const Index place = i / 8 * 8 + kInt8Order[i % 8];
          // Adding 1.5 * 2^23 rounds to a whole number, which then lies in the low bits.
          const std::uint32_t whole = float_to_bits(value[i] * factor + 12582912.0f) - 0x4b400000u;
          out[(to * 8 + place / 4) * 64 + lane * 4 + place % 4] = static_cast<std::uint8_t>(whole + kInt8Offset);
        }
      }
    }
}

}  // namespace
}  // namespace gptoss
