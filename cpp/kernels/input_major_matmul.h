// Matrix product with bfloat16 weights stored in-features first, (in, out), as dequantised checkpoints hold experts.
#pragma once

#include "simd/isa.h"

namespace gptoss {
namespace {

template <int Tokens, class Act>
GPTOSS_INLINE void input_major_tile(const Product<Act>& p, const Bf16* weight, Index out, Index column, Index entry) {
  constexpr int kVectors = kBlock / Isa::kLanes;
  const Act* x[Tokens];
  for (int t = 0; t < Tokens; ++t) x[t] = p.x + (p.rows ? p.rows[entry + t] : entry + t) * p.in;
  Isa::F sum[Tokens][kVectors] = {};
  for (Index k = 0; k < p.in; ++k) {
    for (int v = 0; v < kVectors; ++v) {
      const Isa::F w = Isa::load(weight + k * out + column + v * Isa::kLanes);
      for (int t = 0; t < Tokens; ++t) sum[t][v] = Isa::fma(Isa::set1(to_float(x[t][k])), w, sum[t][v]);
    }
  }
  for (int t = 0; t < Tokens; ++t) {
    for (int v = 0; v < kVectors; ++v) {
      const Index at = column + v * Isa::kLanes;
      const Isa::F bias = p.bias ? Isa::load(p.bias + at) : Isa::F{};
      Isa::store(p.out + (entry + t) * p.out_stride + at, sum[t][v] + bias);
    }
  }
}

template <class Act>
void input_major_matmul(const Product<Act>& p, const Bf16* weight, Index out, Index begin, Index end) {
  for (Index column = begin; column < end; column += kBlock) {
    Index entry = 0;
    for (; entry + 2 <= p.num_entries; entry += 2) input_major_tile<2>(p, weight, out, column, entry);
    if (entry < p.num_entries) input_major_tile<1>(p, weight, out, column, entry);
  }
}

}  // namespace
}  // namespace gptoss
