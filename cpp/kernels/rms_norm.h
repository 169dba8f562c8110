// RMS norm of rows, in float32, and rounding to bfloat16.
#pragma once

#include "kernels/lanes.h"

namespace gptoss {
namespace {

void to_bf16(const float* x, Bf16* out, Index begin, Index end) {
  Index i = begin;
  for (; i + Isa::kLanes <= end; i += Isa::kLanes) Isa::store(out + i, Isa::load(x + i));
  for (; i < end; ++i) out[i] = round_to_bf16(x[i]);
}

// The same values, kept as floats.
void round_to_bf16(const float* x, float* out, Index begin, Index end) {
  Bf16 rounded[Isa::kLanes];
  Index i = begin;
  for (; i + Isa::kLanes <= end; i += Isa::kLanes) {
    Isa::store(rounded, Isa::load(x + i));
    Isa::store(out + i, Isa::load(rounded));
  }
  for (; i < end; ++i) out[i] = to_float(round_to_bf16(x[i]));
}

void rms_norm(const float* x, const float* weight, float* out, Index width, float eps, Index begin, Index end) {
  for (Index row = begin; row < end; ++row) {
    const float* in = x + row * width;
    Isa::F squares{};
    for (Index i = 0; i < width; i += Isa::kLanes) {
      const Isa::F v = Isa::load(in + i);
      squares = Isa::fma(v, v, squares);
    }
    const float mean = lane_sum(squares) / static_cast<float>(width);
    const Isa::F factor = Isa::set1(1.0f / __builtin_sqrtf(mean + eps));
    for (Index i = 0; i < width; i += Isa::kLanes)
      Isa::store(out + row * width + i, Isa::load(in + i) * factor * Isa::load(weight + i));
  }
}

}  // namespace
}  // namespace gptoss
