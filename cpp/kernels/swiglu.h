// The clamped SwiGLU of gpt-oss: gate * sigmoid(alpha * gate) * (up + 1), gate and up interleaved.
#pragma once

#include "kernels/exp.h"

namespace gptoss {
namespace {

void swiglu(const float* gate_up, float* out, Index width, float alpha, float limit, Index begin, Index end) {
  const Isa::F top = Isa::set1(limit), bottom = Isa::set1(-limit), one = Isa::set1(1.0f);
  for (Index row = begin; row < end; ++row) {
    const float* in = gate_up + row * 2 * width;
    for (Index i = 0; i < width; i += Isa::kLanes) {
      Isa::F gate, up;
      for (int lane = 0; lane < Isa::kLanes; ++lane) {
        gate[lane] = in[2 * (i + lane)];
        up[lane] = in[2 * (i + lane) + 1];
      }
      gate = Isa::min(gate, top);
      up = Isa::max(Isa::min(up, top), bottom);
      const Isa::F sigmoid = one / (one + exp(gate * Isa::set1(-alpha)));
      Isa::store(out + row * width + i, gate * sigmoid * (up + one));
    }
  }
}

}  // namespace
}  // namespace gptoss
