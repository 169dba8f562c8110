// AVX2 with FMA and F16C: Intel since 2013 (Haswell), AMD since 2015 (Excavator).
#pragma once

#include <immintrin.h>

#include "simd/vector.h"

namespace gptoss {
namespace {

// The E2M1 values doubled, by the two upper bytes of the float; the lower two are zero.
alignas(16) constexpr std::uint8_t kE2m1DoubledLowByte[16] = {0x00, 0x80, 0x00, 0x40, 0x80, 0xc0, 0x00, 0x40,
                                                              0x00, 0x80, 0x00, 0x40, 0x80, 0xc0, 0x00, 0x40};
alignas(16) constexpr std::uint8_t kE2m1DoubledHighByte[16] = {0x00, 0x3f, 0x40, 0x40, 0x40, 0x40, 0x41, 0x41,
                                                               0x80, 0xbf, 0xc0, 0xc0, 0xc0, 0xc0, 0xc1, 0xc1};

struct Isa : Vector<8> {
  static constexpr int kLanes = 8;
  // Eight accumulators hide the fused multiply-add's latency of four cycles at two a cycle; with the four registers
  // of a decoded block they fit the sixteen that there are.
  static constexpr int kAccumulators = 8;
  static constexpr int kTokens = 8;
  // There is no bfloat16 arithmetic: activations are rounded to it and kept as floats, not widened once a product.
  static constexpr bool kHasBf16Dot = false;

  using Vector<8>::load;
  using Vector<8>::store;

  template <class Act>
  struct Weights {
    F value[4];
  };

  template <class Act>
  using Panel = float;

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
  GPTOSS_INLINE Weights<Act> weights(const Act*, const float* p) {
    return {{load(p), load(p + 8), load(p + 16), load(p + 24)}};
  }

  template <class Act>
  GPTOSS_INLINE void store(float* p, const Weights<Act>& w) {
    for (int i = 0; i < 4; ++i) store(p + 8 * i, w.value[i]);
  }

  // Within each half of a register: codes of two vectors' halves, so that unpacking bytes to floats, which stays within
  // halves, ends with the 32 values in order.
  template <class Act>
  GPTOSS_INLINE Weights<Act> mxfp4(const Act*, const std::uint8_t* p, std::uint8_t byte) {
    const __m256i bytes = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    const __m256i order = _mm256_setr_epi8(0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13, -1,  //
                                           2, -1, 3, -1, 6, -1, 7, -1, 10, -1, 11, -1, 14, -1, 15, -1);
    const __m256i words = _mm256_shuffle_epi8(bytes, order);
    // The low nibble in the low byte, the high one in the high byte.
    const __m256i codes = _mm256_and_si256(_mm256_or_si256(words, _mm256_slli_epi16(words, 4)), _mm256_set1_epi8(15));
    const __m256i low = _mm256_shuffle_epi8(both_halves(kE2m1DoubledLowByte), codes);
    const __m256i high = _mm256_shuffle_epi8(both_halves(kE2m1DoubledHighByte), codes);
    const __m256i first = _mm256_unpacklo_epi8(low, high), second = _mm256_unpackhi_epi8(low, high);
    const F scale = _mm256_set1_ps(kMxfp4Scales.factor[byte]);
    const __m256i zero = _mm256_setzero_si256();
    return {{_mm256_castsi256_ps(_mm256_unpacklo_epi16(zero, first)) * scale,
             _mm256_castsi256_ps(_mm256_unpackhi_epi16(zero, first)) * scale,
             _mm256_castsi256_ps(_mm256_unpacklo_epi16(zero, second)) * scale,
             _mm256_castsi256_ps(_mm256_unpackhi_epi16(zero, second)) * scale}};
  }

  template <class Act>
  GPTOSS_INLINE F dot(F sum, const Weights<Act>& w, const Act* x) {
    sum = fma(w.value[0], load(x), sum);
    sum = fma(w.value[1], load(x + 8), sum);
    sum = fma(w.value[2], load(x + 16), sum);
    return fma(w.value[3], load(x + 24), sum);
  }

 private:
  GPTOSS_INLINE __m256i both_halves(const std::uint8_t* table) {
    return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(table)));
  }
};

}  // namespace
}  // namespace gptoss
