// Activations to eight bits by blocks of 32: the largest magnitude becomes 127, the rest is rounded to nearest, ties to
// even. A block with a value that is not finite gets the scale NaN, so that it is not mistaken for a good one.
#pragma once

#include "simd/isa.h"

namespace gptoss {
namespace {

void to_int8(const float* x, Int8Block* out, Index begin, Index end) {
  // Adding 1.5 * 2^23 rounds to a whole number, which then lies in the low bits.
  const Isa::F magic = Isa::set1(12582912.0f);
  for (Index block = begin; block < end; ++block) {
    const float* in = x + block * kBlock;
    Isa::F top{}, broken{};
    for (Index i = 0; i < kBlock; i += Isa::kLanes) {
      const Isa::F v = Isa::load(in + i);
      top = Isa::max(top, Isa::max(v, -v));
      broken = broken + v * Isa::F{};
    }
    const float largest = Isa::largest(top);
    // Nothing is left of a block that is smaller than the square of anything that matters.
    const Isa::F factor = Isa::set1(largest < 1e-30f ? 0.0f : 127.0f / largest);
    std::int32_t whole[kBlock];
    Isa::I sum{};
    for (Index i = 0; i < kBlock; i += Isa::kLanes) {
      const Isa::I value = (Isa::I)(Isa::load(in + i) * factor + magic) - (Isa::I)magic;
      std::memcpy(whole + i, &value, sizeof value);
      sum += value;
    }
    if (Isa::sum(broken) == 0.0f) {
      out[block].scale = largest < 1e-30f ? 0.0f : largest / 127.0f;
      out[block].negative_sum = 0;
      for (int lane = 0; lane < Isa::kLanes; ++lane) out[block].negative_sum -= sum[lane];
      for (Index i = 0; i < kBlock; ++i)
        out[block].values[i / 8 * 8 + kInt8Order[i % 8]] = static_cast<std::int8_t>(whole[i]);
    } else {
      out[block] = {};
      out[block].scale = bits_to_float(0x7fc00000u);
    }
  }
}

}  // namespace
}  // namespace gptoss
