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
  using Vector<4>::store;

  template <class Act>
  struct Weights {
    float value[kBlock];
  };

  template <class Act>
  using Panel = float;

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
  GPTOSS_INLINE Weights<Act> weights(const Act*, const float* p) {
    Weights<Act> w;
    std::memcpy(w.value, p, sizeof w.value);
    return w;
  }

  template <class Act>
  GPTOSS_INLINE void store(float* p, const Weights<Act>& w) {
    std::memcpy(p, w.value, sizeof w.value);
  }

  template <class Act>
  GPTOSS_INLINE Weights<Act> mxfp4(const Act*, const std::uint8_t* p, std::uint8_t byte) {
    const float factor = kMxfp4Scales.factor[byte];
    Weights<Act> w;
    for (int i = 0; i < kBlock / 2; ++i) {
      w.value[2 * i] = kE2m1Doubled[p[i] & 15] * factor;
      w.value[2 * i + 1] = kE2m1Doubled[p[i] >> 4] * factor;
    }
    return w;
  }

  template <class Act>
  GPTOSS_INLINE F dot(F sum, const Weights<Act>& w, const Act* x) {
    for (int i = 0; i < kBlock; i += kLanes) sum = fma(load(w.value + i), load(x + i), sum);
    return sum;
  }
};

}  // namespace
}  // namespace gptoss
