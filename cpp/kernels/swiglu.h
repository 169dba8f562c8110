// The clamped SwiGLU of gpt-oss: gate * sigmoid(alpha * gate) * (up + 1), gate and up interleaved.
#pragma once

#include "kernels/exp.h"
#include "kernels/lanes.h"

namespace gptoss {
namespace {

GPTOSS_INLINE Isa::F swiglu(Isa::F gate, Isa::F up, Swiglu s) {
  const Isa::F one = Isa::set1(1.0f);
  gate = Isa::min(gate, Isa::set1(s.limit));
  up = Isa::max(Isa::min(up, Isa::set1(s.limit)), Isa::set1(-s.limit));
  return gate * (one / (one + exp(gate * Isa::set1(-s.alpha)))) * (up + one);
}

void swiglu(const float* gate_up, float* out, Index width, float alpha, float limit, Index begin, Index end) {
  for (Index row = begin; row < end; ++row)
    for (Index i = 0; i < width; i += Isa::kLanes) {
      const float* in = gate_up + 2 * (row * width + i);
      const Isa::F a = Isa::load(in), b = Isa::load(in + Isa::kLanes);
      Isa::store(out + row * width + i, swiglu(evens(a, b), odds(a, b), Swiglu{alpha, limit}));
    }
}

}  // namespace
}  // namespace gptoss
