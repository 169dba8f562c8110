// Any CPU: four lanes, which every x86-64 (SSE2) and AArch64 has; no fused multiply-add.
#pragma once

#include "simd/vector.h"

namespace gptoss {
namespace {

struct Isa : Vector<4> {
  static constexpr int kLanes = 4;
  // Four accumulators and decoded weights stay within 16 registers.
  static constexpr int kAccumulators = 4;
  static constexpr int kTokens = 4;
  static constexpr bool kHasBf16Dot = false;

  using Vector<4>::load;
  using Vector<4>::start;
  using Vector<4>::whole;
  using Vector<4>::store;

  template <class Act>
  struct Weights {
    float value[kBlock];
  };

  // Packed products: vectors x entries of a tile, from memory and from decoded panels.
  static constexpr int kMemoryVectors = 1, kMemoryTokens = 4;
  template <class Weights, class Act>
  static constexpr int kPanelVectors = 1;
  template <class Weights, class Act>
  static constexpr int kPanelTokens = 4;
  // Whether weights are asked for ahead of their use.
  template <class Weights>
  static constexpr bool kPrefetches = true;

  // Whether whole-number sums begin as floats, which spares a product by the scale.
  static constexpr bool kHasOrigins = true;

  // A word of a lane has four inputs in eight bits, or one float.
  template <class Act>
  using Word = U;
  template <class Weights, class Act>
  static constexpr int kWords = std::is_same_v<Act, Int8Block> ? 2 : 8;

  GPTOSS_INLINE F fma(F a, F b, F c) { return a * b + c; }

  GPTOSS_INLINE F load(const Bf16* p) { return F{to_float(p[0]), to_float(p[1]), to_float(p[2]), to_float(p[3])}; }

  GPTOSS_INLINE void store(Bf16* p, F v) {
    for (int i = 0; i < kLanes; ++i) p[i] = round_to_bf16(v[i]);
  }

  template <class Act>
  GPTOSS_INLINE Weights<Act> weights(const Act*, const Bf16* p) {
    Weights<Act> w;
    for (int i = 0; i < kBlock; i += kLanes) store(w.value + i, load(p + i));
    return w;
  }

  template <class Act>
  GPTOSS_INLINE F dot(F sum, const Weights<Act>& w, const Act* x) {
    for (int i = 0; i < kBlock; i += kLanes) sum = fma(load(w.value + i), load(x + i), sum);
    return sum;
  }

  GPTOSS_INLINE U load_pairs(const std::int8_t* p) {
    typedef std::int8_t Bytes __attribute__((vector_size(2 * kLanes)));
    typedef std::int16_t Halves __attribute__((vector_size(4 * kLanes)));
    Bytes bytes;
    std::memcpy(&bytes, p, sizeof bytes);
    return (U) __builtin_convertvector(bytes, Halves);
  }
  GPTOSS_INLINE I dot_pair(I sum, U pairs, const std::int16_t* x) {
    return sum + ((I)(pairs << 16) >> 16) * std::int32_t{x[0]} + ((I)pairs >> 16) * std::int32_t{x[1]};
  }

  // Scales of packed weights.
  GPTOSS_INLINE U load_exponents(const std::uint8_t* p) { return U{p[0], p[1], p[2], p[3]}; }
  GPTOSS_INLINE F load_scales(const std::uint8_t* p) { return F{e8m0(p[0]), e8m0(p[1]), e8m0(p[2]), e8m0(p[3])}; }
  GPTOSS_INLINE F load_scales(const Bf16* p) { return load(p); }

  GPTOSS_INLINE U load_words(const std::uint8_t* p) {
    U words;
    std::memcpy(&words, p, sizeof words);
    return words;
  }

  GPTOSS_INLINE void quarter(const PackedMxfp4&, const Int8Block*, const std::uint8_t* p, U* words) {
    std::uint8_t bytes[2 * sizeof(U)];
    for (std::size_t i = 0; i < sizeof(U); ++i) {
      bytes[i] = kE2m1Raised[p[i] & 15];
      bytes[sizeof(U) + i] = kE2m1Raised[p[i] >> 4];
    }
    std::memcpy(words, bytes, sizeof bytes);
  }

  template <class Act>
  GPTOSS_INLINE void quarter(const PackedMxfp4&, const Act*, const std::uint8_t* p, U* words) {
    const U codes = load_words(p);
    for (int i = 0; i < 8; ++i) {
      F value;
      for (int lane = 0; lane < kLanes; ++lane) value[lane] = kE2m1[codes[lane] >> 4 * (i / 2 + 4 * (i % 2)) & 15];
      words[i] = (U)value;
    }
  }

  GPTOSS_INLINE void quarter(const PackedInt8&, const Int8Block*, const std::uint8_t* p, U* words) {
    words[0] = load_words(p);
    words[1] = load_words(p + 64);
  }

  template <class Act>
  GPTOSS_INLINE void quarter(const PackedInt8&, const Act*, const std::uint8_t* p, U* words) {
    for (int i = 0; i < 8; ++i) {
      const int place = kInt8Order[i];
      const I raised = (I)(load_words(p + place / 4 * 64) >> 8 * (place % 4) & 255u);
      words[i] = (U) __builtin_convertvector(raised - kInt8Offset, F);
    }
  }

  GPTOSS_INLINE I start(const PackedMxfp4&, F origin, const Int8Block* x) {
    return (I)origin + (x->surplus[0] + x->surplus[1]);
  }
  GPTOSS_INLINE I start(const PackedInt8&, F, const Int8Block* x) {
    return I{} + (x->surplus[0] + x->surplus[1]) * (kInt8Offset / kE2m1Offset);
  }

  // Quarter z of a block.
  template <class Weights>
  GPTOSS_INLINE I dot(const Weights&, I sum, const U* words, const Int8Block* x, Index z) {
    for (int i = 0; i < 2; ++i)
      for (int j = 0; j < 4; ++j) sum += (I)(words[i] >> 8 * j & 255u) * std::int32_t{x->values[8 * z + 4 * i + j]};
    return sum;
  }
  template <class Weights, class Act>
  GPTOSS_INLINE F dot(const Weights&, F sum, const U* words, const Act* x, Index z) {
    for (int i = 0; i < 8; ++i) sum = fma((F)words[i], set1(gptoss::to_float(x[8 * z + i])), sum);
    return sum;
  }
};

}  // namespace
}  // namespace gptoss
