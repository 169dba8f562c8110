// Lays weights out as kernels.h says: groups of features side by side.
#pragma once

#include "simd/isa.h"

namespace gptoss {
namespace {

// The sixteen bytes of a block.
typedef std::uint32_t Words __attribute__((vector_size(16)));
typedef std::uint64_t LongWords __attribute__((vector_size(16)));

// The words of a block as kernels.h says, of bytes with two neighbours each.
GPTOSS_INLINE Words pack_pairs(const std::uint8_t* block) {
  Words stored;
  std::memcpy(&stored, block, sizeof stored);
  Words even = stored & 0x0f0f0f0fu, odd = stored >> 4 & 0x0f0f0f0fu;
  even = (even | even >> 4) & 0x00ff00ffu;
  odd = (odd | odd >> 4) & 0x00ff00ffu;
  return ((even | even >> 8) & 0xffffu) | (odd | odd >> 8) << 16;
}

// In the lower half of each: the word of eight inputs, which are the low nibbles of eight bytes.
GPTOSS_INLINE LongWords pack_low_nibbles(LongWords stored) {
  const LongWords inputs = stored & 0x0f0f0f0f0f0f0f0fu;
  // Bytes 0 and 1 of each half have inputs 0 and 2, 1 and 3, or 4 and 6, 5 and 7.
  const LongWords met = inputs | inputs >> 12;
  const LongWords apart = (met & 0x000000ff000000ffu) | (met & 0x0000ff000000ff00u) << 8;
  return apart | apart >> 24;
}

// The same words of bytes with two values sixteen apart.
GPTOSS_INLINE Words pack_halves(const std::uint8_t* block) {
  LongWords stored;
  std::memcpy(&stored, block, sizeof stored);
  const LongWords first = pack_low_nibbles(stored), second = pack_low_nibbles(stored >> 4);
  return __builtin_shuffle((Words)first, (Words)second, Words{0, 2, 4, 6});
}

template <bool kIsPaired>
void pack_mxfp4_of(const StoredMxfp4& s, std::uint8_t* out, std::uint8_t* out_scales, Index begin, Index end) {
  for (Index group = begin; group < end; ++group) {
    const std::uint8_t *blocks[kGroup], *scales[kGroup];
    for (Index lane = 0; lane < kGroup; ++lane) {
      const Index expert = group * kGroup / s.features, feature = group * kGroup % s.features + lane;
      const StoredMxfp4::Part& part = s.parts[feature % s.num_parts];
      const Index row = feature / s.num_parts;
      blocks[lane] = part.blocks + expert * s.of_blocks.expert + row * s.of_blocks.row;
      scales[lane] = part.scales + expert * s.of_scales.expert + row * s.of_scales.row;
    }
    for (Index block = 0; block < s.num_blocks; ++block) {
      const Index to = group * s.num_blocks + block;
      for (Index lane = 0; lane < kGroup; ++lane) {
        out_scales[to * kGroup + lane] = scales[lane][block * s.of_scales.block];
        const std::uint8_t* stored = blocks[lane] + block * s.of_blocks.block;
        const Words words = kIsPaired ? pack_pairs(stored) : pack_halves(stored);
        for (Index z = 0; z < 4; ++z) {
          const std::uint32_t word = words[z];
          std::memcpy(out + to * 256 + z * 64 + lane * 4, &word, sizeof word);
        }
      }
    }
  }
}

// Groups [begin, end) of MXFP4 blocks, numbered through all experts.
void pack_mxfp4(const StoredMxfp4& stored, std::uint8_t* out, std::uint8_t* out_scales, Index begin, Index end) {
  if (stored.is_paired)
    pack_mxfp4_of<true>(stored, out, out_scales, begin, end);
  else
    pack_mxfp4_of<false>(stored, out, out_scales, begin, end);
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
