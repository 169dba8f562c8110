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
  using Panel = Act;

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
  GPTOSS_INLINE Weights<float> weights(const float*, const float* p);
  GPTOSS_INLINE void store(float* p, const Weights<float>& w);
  GPTOSS_INLINE void store(Bf16* p, const Weights<Bf16>& w);
  GPTOSS_INLINE Weights<float> mxfp4(const float*, const std::uint8_t* p, std::uint8_t byte);
  GPTOSS_INLINE Weights<Bf16> mxfp4(const Bf16*, const std::uint8_t* p, std::uint8_t byte);
  GPTOSS_INLINE F dot(F sum, const Weights<float>& w, const float* x);
  GPTOSS_INLINE F dot(F sum, const Weights<Bf16>& w, const Bf16* x);

  // The 32 nibbles of a block in order, one in the lowest four bits of each word; the fifth bit is any.
  GPTOSS_INLINE __m512i nibbles(const std::uint8_t* p) {
    const __m512i bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    return _mm512_or_si512(bytes, _mm512_slli_epi32(bytes, 12));
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

Isa::Weights<float> Isa::weights(const float*, const float* p) { return {load(p), load(p + 16)}; }

void Isa::store(float* p, const Weights<float>& w) {
  store(p, w.low);
  store(p + 16, w.high);
}

void Isa::store(Bf16* p, const Weights<Bf16>& w) { _mm512_storeu_si512(p, w.pairs); }

constexpr Mxfp4Bf16 kMxfp4Bf16;

Isa::Weights<Bf16> Isa::mxfp4(const Bf16*, const std::uint8_t* p, std::uint8_t byte) {
  const __m256i row = _mm256_load_si256(reinterpret_cast<const __m256i*>(kMxfp4Bf16.value[byte]));
  // Twice, because the permutation chooses among 32 words: the fifth bit of a code does not matter.
  return {_mm512_permutexvar_epi16(nibbles(p), _mm512_broadcast_i64x4(row))};
}

Isa::Weights<float> Isa::mxfp4(const float*, const std::uint8_t* p, std::uint8_t byte) {
  const __m512i codes = nibbles(p);
  const __m512 table =
      _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_load_si128(reinterpret_cast<const __m128i*>(kE2m1Doubled))));
  const F scaled = table * kMxfp4Scales.factor[byte];
  // Words to lanes; the permutation takes the lowest four bits of each.
  const __m512i low = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(codes));
  const __m512i high = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(codes, 1));
  return {_mm512_permutexvar_ps(low, scaled), _mm512_permutexvar_ps(high, scaled)};
}

Isa::F Isa::dot(F sum, const Weights<float>& w, const float* x) {
  return fma(w.high, load(x + 16), fma(w.low, load(x), sum));
}

Isa::F Isa::dot(F sum, const Weights<Bf16>& w, const Bf16* x) {
  return _mm512_dpbf16_ps(sum, (__m512bh)w.pairs, (__m512bh)_mm512_loadu_si512(x));
}

}  // namespace
}  // namespace gptoss
