// AVX2 with FMA and F16C: Intel since 2013 (Haswell), AMD since 2015 (Excavator). With AVX-VNNI too where the compiler
// is told so: Intel since 2021 (Alder Lake), AMD since 2024 (Zen 5).
#pragma once

#include <immintrin.h>

#include "simd/vector.h"

namespace gptoss {
namespace {

struct Isa : Vector<8> {
  static constexpr int kLanes = 8;
  // Eight accumulators hide the fused multiply-add's latency of four cycles at two a cycle; with the four registers
  // of a decoded block they fit the sixteen that there are.
  static constexpr int kAccumulators = 8;
  static constexpr int kTokens = 8;
  // There is no bfloat16 arithmetic: activations are rounded to it and kept as floats, not widened once a product.
  static constexpr bool kHasBf16Dot = false;

  // Whether bytes are multiplied by pairs into sixteen bits.
#if defined(__AVXVNNI__)
  template <class Act>
  static constexpr bool kHasPairs = false;
#else
  template <class Act>
  static constexpr bool kHasPairs = std::is_same_v<Act, Int8Block>;
#endif

  using Vector<8>::load;
  using Vector<8>::start;
  using Vector<8>::whole;
  using Vector<8>::store;

  template <class Act>
  struct Weights {
    F value[4];
  };

  // Packed products: vectors x entries of a tile, from memory and from decoded panels.
  static constexpr int kMemoryVectors = 2, kMemoryTokens = 3;
  template <class Weights, class Act>
  static constexpr int kPanelVectors = 2;
  template <class Weights, class Act>
  static constexpr int kPanelTokens = kHasPairs<Act> ? 4 : 3;
  // Whether weights are asked for ahead of their use.
  template <class Weights>
  static constexpr bool kPrefetches = true;

  // Whether whole-number sums begin as floats, which spares a product by the scale: it takes registers that there are
  // not.
  static constexpr bool kHasOrigins = false;

  // A word of a lane has four inputs in eight bits, or one float.
  template <class Act>
  using Word = __m256i;
  template <class Weights, class Act>
  static constexpr int kWords = !std::is_same_v<Act, Int8Block>                         ? 8
                                : kHasPairs<Act> && std::is_same_v<Weights, PackedInt8> ? 4
                                                                                        : 2;

  GPTOSS_INLINE F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }

  GPTOSS_INLINE F load(const Bf16* p) {
    const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
  }

  GPTOSS_INLINE void store(Bf16* p, F v) {
    const __m256i bits = _mm256_castps_si256(v);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i rounded =
        _mm256_srli_epi32(_mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff))), 16);
    const __m256i quiet = _mm256_or_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(0x40));
    const __m256i is_nan = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q));
    const __m256i chosen = _mm256_blendv_epi8(rounded, quiet, is_nan);
    const __m128i low = _mm256_castsi256_si128(chosen);
    const __m128i high = _mm256_extracti128_si256(chosen, 1);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_packus_epi32(low, high));
  }

  template <class Act>
  GPTOSS_INLINE Weights<Act> weights(const Act*, const Bf16* p) {
    return {{load(p), load(p + 8), load(p + 16), load(p + 24)}};
  }

  template <class Act>
  GPTOSS_INLINE F dot(F sum, const Weights<Act>& w, const Act* x) {
    sum = fma(w.value[0], load(x), sum);
    sum = fma(w.value[1], load(x + 8), sum);
    sum = fma(w.value[2], load(x + 16), sum);
    return fma(w.value[3], load(x + 24), sum);
  }

  GPTOSS_INLINE __m256i load_pairs(const std::int8_t* p) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  GPTOSS_INLINE I dot_pair(I sum, __m256i pairs, const std::int16_t* x) {
    const __m256i both = _mm256_set1_epi32(load_word(x));
#if defined(__AVXVNNI__)
    return (I)_mm256_dpwssd_avx_epi32((__m256i)sum, pairs, both);
#else
    return sum + (I)_mm256_madd_epi16(pairs, both);
#endif
  }

  // Scales of packed weights.
  GPTOSS_INLINE U load_exponents(const std::uint8_t* p) {
    return (U)_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
  }
  GPTOSS_INLINE F load_scales(const std::uint8_t* p) {
    const __m256i bits = (__m256i)(load_exponents(p) << 23);
    return _mm256_castsi256_ps(_mm256_max_epu32(bits, _mm256_set1_epi32(0x00400000)));
  }
  GPTOSS_INLINE F load_scales(const Bf16* p) { return load(p); }

  GPTOSS_INLINE __m256i load_bytes(const std::uint8_t* p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  }

  GPTOSS_INLINE __m256i shift_right(__m256i words, int bits) { return (__m256i)((U)words >> bits); }

  GPTOSS_INLINE void quarter(const PackedMxfp4&, const Int8Block*, const std::uint8_t* p, __m256i* words) {
    const __m256i table = _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(kE2m1Raised)));
    const __m256i codes = load_bytes(p), low = _mm256_set1_epi8(15);
    words[0] = _mm256_shuffle_epi8(table, _mm256_and_si256(codes, low));
    words[1] = _mm256_shuffle_epi8(table, _mm256_and_si256(shift_right(codes, 4), low));
  }

  // Magnitudes by the lower three bits of a code, which is all that the permutation takes; then the sign.
  template <class Act>
  GPTOSS_INLINE void quarter(const PackedMxfp4&, const Act*, const std::uint8_t* p, __m256i* words) {
    const __m256 table = _mm256_load_ps(kE2m1);
    const __m256i codes = load_bytes(p), sign = _mm256_set1_epi32(static_cast<int>(0x80000000u));
    GPTOSS_UNROLL for (int i = 0; i < 8; ++i) {
      const int place = 4 * (i / 2 + 4 * (i % 2));
      const __m256 magnitude = _mm256_permutevar8x32_ps(table, shift_right(codes, place));
      const __m256i negative = _mm256_and_si256((__m256i)((U)codes << (28 - place)), sign);
      words[i] = _mm256_or_si256(_mm256_castps_si256(magnitude), negative);
    }
  }

  template <class Act>
  GPTOSS_INLINE void quarter(const PackedInt8&, const Act*, const std::uint8_t* p, __m256i* words) {
    GPTOSS_UNROLL for (int i = 0; i < 8; ++i) {
      const int place = kInt8Order[i];
      const __m256i raised =
          _mm256_and_si256(shift_right(load_bytes(p + place / 4 * 64), 8 * (place % 4)), _mm256_set1_epi32(255));
      words[i] = _mm256_castps_si256(_mm256_cvtepi32_ps(_mm256_sub_epi32(raised, _mm256_set1_epi32(kInt8Offset))));
    }
  }

  GPTOSS_INLINE __m256i surplus(const Int8Block* x) { return _mm256_set1_epi32(load_word(x->surplus)); }

#if defined(__AVXVNNI__)
  GPTOSS_INLINE void quarter(const PackedInt8&, const Int8Block*, const std::uint8_t* p, __m256i* words) {
    words[0] = load_bytes(p);
    words[1] = load_bytes(p + 64);
  }

  GPTOSS_INLINE I start(const PackedMxfp4&, F, const Int8Block* x) {
    return (I)_mm256_madd_epi16(surplus(x), _mm256_set1_epi16(1));
  }
  GPTOSS_INLINE I start(const PackedInt8&, F, const Int8Block* x) {
    return (I)_mm256_madd_epi16(surplus(x), _mm256_set1_epi16(kInt8Offset / kE2m1Offset));
  }

  // Quarter z of a block.
  template <class Weights>
  GPTOSS_INLINE I dot(const Weights&, I sum, const __m256i* words, const Int8Block* x, Index z) {
    GPTOSS_UNROLL for (int i = 0; i < 2; ++i) sum =
        (I)_mm256_dpbusd_avx_epi32((__m256i)sum, words[i], _mm256_set1_epi32(load_word(x->values + 8 * z + 4 * i)));
    return sum;
  }
#else
  // Bytes and their magnitudes.
  GPTOSS_INLINE void quarter(const PackedInt8&, const Int8Block*, const std::uint8_t* p, __m256i* words) {
    GPTOSS_UNROLL for (int i = 0; i < 2; ++i) {
      words[2 * i] = _mm256_xor_si256(load_bytes(p + 64 * i), _mm256_set1_epi8(-kInt8Offset));
      words[2 * i + 1] = _mm256_abs_epi8(words[2 * i]);
    }
  }

  // Computes a sum here and now. GCC would take the products of a whole block first, and keep them all in memory.
  GPTOSS_INLINE void settle(__m256i& sum) { asm("" : "+x"(sum)); }
  GPTOSS_INLINE __m256i start(const PackedMxfp4&, F, const Int8Block* x) { return surplus(x); }
  GPTOSS_INLINE __m256i start(const PackedInt8&, F, const Int8Block*) { return __m256i{}; }

  // Quarter z of a block. A block's sum in sixteen bits, by pairs of inputs, may wrap on its way: what it comes to,
  // sixteen products of twelve at most and a byte, does not.
  GPTOSS_INLINE __m256i dot(const PackedMxfp4&, __m256i sum, const __m256i* words, const Int8Block* x, Index z) {
    GPTOSS_UNROLL for (int i = 0; i < 2; ++i) {
      const __m256i inputs = _mm256_set1_epi32(load_word(x->values + 8 * z + 4 * i));
      sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(words[i], inputs));
      settle(sum);
    }
    return sum;
  }
  // Magnitudes of weights by inputs with the weights' signs: two products of bytes up to 127 stay within sixteen bits.
  GPTOSS_INLINE __m256i dot(const PackedInt8&, __m256i sum, const __m256i* words, const Int8Block* x, Index z) {
    GPTOSS_UNROLL for (int i = 0; i < 2; ++i) {
      const __m256i inputs = _mm256_set1_epi32(load_word(x->values + 8 * z + 4 * i));
      const __m256i pairs = _mm256_maddubs_epi16(words[2 * i + 1], _mm256_sign_epi8(inputs, words[2 * i]));
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
      settle(sum);
    }
    return sum;
  }

  // The sum of a whole block, in whole numbers.
  GPTOSS_INLINE I whole(const PackedMxfp4&, __m256i sum, const Int8Block*) {
    return (I)_mm256_madd_epi16(sum, _mm256_set1_epi16(1));
  }
  GPTOSS_INLINE I whole(const PackedInt8&, __m256i sum, const Int8Block*) { return (I)sum; }
#endif
  template <class Weights, class Act>
  GPTOSS_INLINE F dot(const Weights&, F sum, const __m256i* words, const Act* x, Index z) {
    GPTOSS_UNROLL for (int i = 0; i < 8; ++i) sum = fma(_mm256_castsi256_ps(words[i]), input(x + 8 * z + i), sum);
    return sum;
  }

 private:
  GPTOSS_INLINE F input(const float* x) { return set1(*x); }
  GPTOSS_INLINE F input(const Bf16* x) { return set1(gptoss::to_float(*x)); }
};

}  // namespace
}  // namespace gptoss
