// AVX2 with FMA and F16C: Intel since 2013 (Haswell), AMD since 2015 (Excavator).
#pragma once

#include <immintrin.h>

#include "simd/vector.h"

namespace gptoss {
namespace {

struct Isa : Vector<8> {
  static constexpr int kLanes = 8;
  // Eight accumulators hide the fused multiply-add's latency of four cycles at two a cycle; with the four registers
  // of a decoded block they fit the sixteen that there are.
  static constexpr int kRows = 2;
  static constexpr int kTokens = 4;

  using Vector<8>::load;
  using Vector<8>::store;

  template <class Act>
  struct Weights {
    F value[4];
  };

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
  GPTOSS_INLINE Weights<Act> mxfp4(const Act*, const std::uint8_t* p) {
    const __m128i table = _mm_load_si128(reinterpret_cast<const __m128i*>(kE2m1Doubled));
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i mask = _mm_set1_epi8(15);
    const __m128i even = _mm_shuffle_epi8(table, _mm_and_si128(bytes, mask));
    const __m128i odd = _mm_shuffle_epi8(table, _mm_and_si128(_mm_srli_epi16(bytes, 4), mask));
    const __m128i first = _mm_unpacklo_epi8(even, odd);
    const __m128i second = _mm_unpackhi_epi8(even, odd);
    return {{widen(first), widen(_mm_srli_si128(first, 8)), widen(second), widen(_mm_srli_si128(second, 8))}};
  }

  template <class Act>
  GPTOSS_INLINE F dot(F sum, const Weights<Act>& w, const Act* x) {
    sum = fma(w.value[0], load(x), sum);
    sum = fma(w.value[1], load(x + 8), sum);
    sum = fma(w.value[2], load(x + 16), sum);
    return fma(w.value[3], load(x + 24), sum);
  }

 private:
  GPTOSS_INLINE F widen(__m128i bytes) { return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)); }
};

}  // namespace
}  // namespace gptoss
