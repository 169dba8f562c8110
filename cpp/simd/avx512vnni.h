// AVX-512 with VNNI and BF16: Intel since 2020 (Cooper Lake, Sapphire Rapids), AMD since 2022 (Zen 4).
#pragma once

#include <immintrin.h>

#include "simd/vector.h"

namespace gptoss {
namespace {

struct Isa : Vector<16> {
  static constexpr int kLanes = 16;
  // Sixteen accumulators of the thirty-two registers hide the bfloat16 dot product's latency of six cycles.
  static constexpr int kAccumulators = 16;
  static constexpr int kTokens = 4;
  static constexpr bool kHasBf16Dot = true;

  using Vector<16>::load;
  using Vector<16>::store;

  template <class Act>
  struct Weights;

  template <class Act>
  struct Mxfp4;

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
  GPTOSS_INLINE Mxfp4<float> mxfp4(const float*, const std::uint8_t* p, float factor);
  GPTOSS_INLINE Mxfp4<Bf16> mxfp4(const Bf16*, const std::uint8_t* p, float factor);
  GPTOSS_INLINE F dot(F sum, const Weights<float>& w, const float* x);
  GPTOSS_INLINE F dot(F sum, const Weights<Bf16>& w, const Bf16* x);
  template <class Act>
  GPTOSS_INLINE F dot(F sum, const Mxfp4<Act>& w, const Act* x);

  // The 32 nibbles of a block in order, one a byte.
  GPTOSS_INLINE __m256i nibbles(const std::uint8_t* p) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i mask = _mm_set1_epi8(15);
    const __m128i even = _mm_and_si128(bytes, mask);
    const __m128i odd = _mm_and_si128(_mm_srli_epi16(bytes, 4), mask);
    return _mm256_set_m128i(_mm_unpackhi_epi8(even, odd), _mm_unpacklo_epi8(even, odd));
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

template <class Act>
struct Isa::Mxfp4 {
  Weights<Act> values;
  F scale;
};

Isa::Weights<float> Isa::weights(const float*, const Bf16* p) { return {load(p), load(p + 16)}; }

Isa::Weights<Bf16> Isa::weights(const Bf16*, const Bf16* p) { return {_mm512_loadu_si512(p)}; }

Isa::Mxfp4<float> Isa::mxfp4(const float*, const std::uint8_t* p, float factor) {
  const __m256i codes = nibbles(p);
  const __m512 table =
      _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_load_si128(reinterpret_cast<const __m128i*>(kE2m1Doubled))));
  return {{_mm512_permutexvar_ps(_mm512_cvtepu8_epi32(_mm256_castsi256_si128(codes)), table),
           _mm512_permutexvar_ps(_mm512_cvtepu8_epi32(_mm256_extracti128_si256(codes, 1)), table)},
          _mm512_set1_ps(factor)};
}

// The sixteen doubled values as bfloat16, twice, because the permutation chooses among 32 words.
alignas(64) constexpr std::uint16_t kE2m1DoubledBf16[32] = {
    0x0000, 0x3f80, 0x4000, 0x4040, 0x4080, 0x40c0, 0x4100, 0x4140, 0x0000, 0xbf80, 0xc000,
    0xc040, 0xc080, 0xc0c0, 0xc100, 0xc140, 0x0000, 0x3f80, 0x4000, 0x4040, 0x4080, 0x40c0,
    0x4100, 0x4140, 0x0000, 0xbf80, 0xc000, 0xc040, 0xc080, 0xc0c0, 0xc100, 0xc140};

Isa::Mxfp4<Bf16> Isa::mxfp4(const Bf16*, const std::uint8_t* p, float factor) {
  return {{_mm512_permutexvar_epi16(_mm512_cvtepu8_epi16(nibbles(p)), _mm512_load_si512(kE2m1DoubledBf16))},
          _mm512_set1_ps(factor)};
}

Isa::F Isa::dot(F sum, const Weights<float>& w, const float* x) {
  return fma(w.high, load(x + 16), fma(w.low, load(x), sum));
}

Isa::F Isa::dot(F sum, const Weights<Bf16>& w, const Bf16* x) {
  return _mm512_dpbf16_ps(sum, (__m512bh)w.pairs, (__m512bh)_mm512_loadu_si512(x));
}

// The scale multiplies the block's sum: once instead of once a vector of weights.
template <class Act>
Isa::F Isa::dot(F sum, const Mxfp4<Act>& w, const Act* x) {
  return fma(dot(F{}, w.values, x), w.scale, sum);
}

}  // namespace
}  // namespace gptoss
