// AVX-512 with VBMI, VNNI and BF16: Intel since 2023 (Sapphire Rapids), AMD since 2022 (Zen 4).
#pragma once

#include <immintrin.h>

#include "simd/vector.h"

namespace gptoss {
namespace {

// Places of values in two rows of 32 that lie in pairs.
alignas(64) constexpr std::uint16_t kPairPlaces[64] = {0,  32, 1,  33, 2,  34, 3,  35, 4,  36, 5,  37, 6,  38, 7,  39,
                                                       8,  40, 9,  41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47,
                                                       16, 48, 17, 49, 18, 50, 19, 51, 20, 52, 21, 53, 22, 54, 23, 55,
                                                       24, 56, 25, 57, 26, 58, 27, 59, 28, 60, 29, 61, 30, 62, 31, 63};

struct Isa : Vector<16> {
  static constexpr int kLanes = 16;
  // Sixteen accumulators of the thirty-two registers hide the bfloat16 dot product's latency of six cycles.
  static constexpr int kAccumulators = 16;
  static constexpr int kTokens = 4;
  static constexpr bool kHasBf16Dot = true;

  using Vector<16>::load;
  using Vector<16>::start;
  using Vector<16>::whole;
  using Vector<16>::store;

  template <class Act>
  struct Weights;

  // Packed products: vectors x entries of a tile, from memory and from decoded panels.
  static constexpr int kMemoryVectors = 1, kMemoryTokens = 8;
  template <class Weights, class Act>
  static constexpr int kPanelVectors = 2;
  template <class Weights, class Act>
  static constexpr int kPanelTokens = 6;
  // Whether weights are asked for ahead of their use. Eight-bit ones are read by whole lines, one after the other, as
  // the hardware guesses: on Zen 4 asking made the head slower, 99 -> 87 % of what memory gives.
  template <class Weights>
  static constexpr bool kPrefetches = !std::is_same_v<Weights, PackedInt8>;

  // Whether whole-number sums begin as floats, which spares a product by the scale.
  static constexpr bool kHasOrigins = true;

  // A word of a lane has four inputs in eight bits, a pair in bfloat16, or one float.
  template <class Act>
  using Word = __m512i;
  template <class Weights, class Act>
  static constexpr int kWords = std::is_same_v<Act, Int8Block> ? 2
                                : std::is_same_v<Act, Bf16>    ? 4
                                                               : 8;

  GPTOSS_INLINE F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }

  GPTOSS_INLINE F load(const Bf16* p) {
    const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
  }

  // Not the hardware's conversion, which flushes denormals.
  GPTOSS_INLINE void store(Bf16* p, F v) {
    const __m512i bits = _mm512_castps_si512(v);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i rounded =
        _mm512_srli_epi32(_mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff))), 16);
    const __m512i quiet = _mm512_or_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(0x40));
    const __mmask16 is_nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
    const __m512i chosen = _mm512_mask_mov_epi32(rounded, is_nan, quiet);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(chosen));
  }

  GPTOSS_INLINE Weights<float> weights(const float*, const Bf16* p);
  GPTOSS_INLINE Weights<Bf16> weights(const Bf16*, const Bf16* p);
  // Two rows of 32 values side by side, as the bfloat16 dot product takes them.
  GPTOSS_INLINE void pair(const Bf16* first, const Bf16* second, __m512i* out) {
    const __m512i a = _mm512_loadu_si512(first), b = _mm512_loadu_si512(second);
    GPTOSS_UNROLL for (int i = 0; i < 2; ++i) out[i] =
        _mm512_permutex2var_epi16(a, _mm512_loadu_si512(kPairPlaces + 32 * i), b);
  }
  GPTOSS_INLINE F dot_pair(F sum, __m512i pairs, const Bf16* x) {
    return _mm512_dpbf16_ps(sum, (__m512bh)pairs, (__m512bh)_mm512_set1_epi32(load_word(x)));
  }

  GPTOSS_INLINE __m512i load_pairs(const std::int8_t* p) {
    return _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  GPTOSS_INLINE I dot_pair(I sum, __m512i pairs, const std::int16_t* x) {
    return (I)_mm512_dpwssd_epi32((__m512i)sum, pairs, _mm512_set1_epi32(load_word(x)));
  }

  GPTOSS_INLINE F dot(F sum, const Weights<float>& w, const float* x);
  GPTOSS_INLINE F dot(F sum, const Weights<Bf16>& w, const Bf16* x);

  GPTOSS_INLINE __m512i shift_right(__m512i words, int bits) { return (__m512i)((U)words >> bits); }

  // Scales of packed weights.
  GPTOSS_INLINE U load_exponents(const std::uint8_t* p) {
    return (U)_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  GPTOSS_INLINE F load_scales(const std::uint8_t* p) {
    const __m512i bits = (__m512i)(load_exponents(p) << 23);
    return _mm512_castsi512_ps(_mm512_max_epu32(bits, _mm512_set1_epi32(0x00400000)));
  }
  GPTOSS_INLINE F load_scales(const Bf16* p) { return load(p); }

  GPTOSS_INLINE void quarter(const PackedMxfp4&, const Int8Block*, const std::uint8_t* p, __m512i* words) {
    // The permutation takes six bits of each byte; all four tables that the upper two choose among are equal.
    const __m512i table = _mm512_broadcast_i32x4(_mm_load_si128(reinterpret_cast<const __m128i*>(kE2m1Raised)));
    const __m512i codes = _mm512_loadu_si512(p);
    words[0] = _mm512_permutexvar_epi8(codes, table);
    words[1] = _mm512_permutexvar_epi8(shift_right(codes, 4), table);
  }

  GPTOSS_INLINE void quarter(const PackedMxfp4&, const Bf16*, const std::uint8_t* p, __m512i* words) {
    const __m512i table = _mm512_broadcast_i64x4(_mm256_load_si256(reinterpret_cast<const __m256i*>(kE2m1Bf16)));
    const __m512i codes = _mm512_loadu_si512(p);
    GPTOSS_UNROLL for (int i = 0; i < 4; ++i) words[i] = _mm512_permutexvar_epi16(shift_right(codes, 4 * i), table);
  }

  GPTOSS_INLINE void quarter(const PackedMxfp4&, const float*, const std::uint8_t* p, __m512i* words) {
    const __m512 table = _mm512_load_ps(kE2m1);
    const __m512i codes = _mm512_loadu_si512(p);
    GPTOSS_UNROLL for (int i = 0; i < 8; ++i) words[i] =
        _mm512_castps_si512(_mm512_permutexvar_ps(shift_right(codes, 4 * (i / 2 + 4 * (i % 2))), table));
  }

  GPTOSS_INLINE void quarter(const PackedInt8&, const Int8Block*, const std::uint8_t* p, __m512i* words) {
    words[0] = _mm512_loadu_si512(p);
    words[1] = _mm512_loadu_si512(p + 64);
  }

  // Input i of the eight as a float.
  GPTOSS_INLINE __m512 int8_input(const std::uint8_t* p, int i) {
    const int place = kInt8Order[i];
    const __m512i bytes = _mm512_loadu_si512(p + place / 4 * 64);
    const __m512i raised = _mm512_and_si512(shift_right(bytes, 8 * (place % 4)), _mm512_set1_epi32(255));
    return _mm512_cvtepi32_ps(_mm512_sub_epi32(raised, _mm512_set1_epi32(kInt8Offset)));
  }

  GPTOSS_INLINE void quarter(const PackedInt8&, const Bf16*, const std::uint8_t* p, __m512i* words) {
    // Whole numbers below 128: their lower halves are zero.
    GPTOSS_UNROLL for (int i = 0; i < 4; ++i) words[i] =
        _mm512_or_si512(_mm512_srli_epi32(_mm512_castps_si512(int8_input(p, 2 * i)), 16),
                        _mm512_castps_si512(int8_input(p, 2 * i + 1)));
  }

  GPTOSS_INLINE void quarter(const PackedInt8&, const float*, const std::uint8_t* p, __m512i* words) {
    GPTOSS_UNROLL for (int i = 0; i < 8; ++i) words[i] = _mm512_castps_si512(int8_input(p, i));
  }

  GPTOSS_INLINE __m512i surplus(const Int8Block* x) { return _mm512_set1_epi32(load_word(x->surplus)); }

  // Nothing, less what the weights' offset will give too much.
  GPTOSS_INLINE I start(const PackedMxfp4&, F origin, const Int8Block* x) {
    return (I)_mm512_dpwssd_epi32((__m512i)origin, surplus(x), _mm512_set1_epi16(1));
  }
  GPTOSS_INLINE I start(const PackedInt8&, F, const Int8Block* x) {
    return (I)_mm512_madd_epi16(surplus(x), _mm512_set1_epi16(kInt8Offset / kE2m1Offset));
  }
  // Quarter z of a block.
  template <class Weights>
  GPTOSS_INLINE I dot(const Weights&, I sum, const __m512i* words, const Int8Block* x, Index z) {
    GPTOSS_UNROLL for (int i = 0; i < 2; ++i) sum =
        (I)_mm512_dpbusd_epi32((__m512i)sum, words[i], _mm512_set1_epi32(load_word(x->values + 8 * z + 4 * i)));
    return sum;
  }
  template <class Weights>
  GPTOSS_INLINE F dot(const Weights&, F sum, const __m512i* words, const Bf16* x, Index z) {
    GPTOSS_UNROLL for (int i = 0; i < 4; ++i) sum =
        _mm512_dpbf16_ps(sum, (__m512bh)words[i], (__m512bh)_mm512_set1_epi32(load_word(x + 8 * z + 2 * i)));
    return sum;
  }
  template <class Weights>
  GPTOSS_INLINE F dot(const Weights&, F sum, const __m512i* words, const float* x, Index z) {
    GPTOSS_UNROLL for (int i = 0; i < 8; ++i) sum = fma(_mm512_castsi512_ps(words[i]), set1(x[8 * z + i]), sum);
    return sum;
  }
};

template <>
struct Isa::Weights<float> {
  F low, high;
};

template <>
struct Isa::Weights<Bf16> {
  __m512i pairs;
};

Isa::Weights<float> Isa::weights(const float*, const Bf16* p) { return {load(p), load(p + 16)}; }

Isa::Weights<Bf16> Isa::weights(const Bf16*, const Bf16* p) { return {_mm512_loadu_si512(p)}; }

Isa::F Isa::dot(F sum, const Weights<float>& w, const float* x) {
  return fma(w.high, load(x + 16), fma(w.low, load(x), sum));
}

Isa::F Isa::dot(F sum, const Weights<Bf16>& w, const Bf16* x) {
  return _mm512_dpbf16_ps(sum, (__m512bh)w.pairs, (__m512bh)_mm512_loadu_si512(x));
}

}  // namespace
}  // namespace gptoss
