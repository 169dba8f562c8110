// Activations to eight bits by blocks of 32: the largest magnitude becomes 127, the rest is rounded to nearest, ties to
// even. A block with a value that is not finite gets the scale NaN, so that it is not mistaken for a good one.
#pragma once

#include "kernels/lanes.h"

namespace gptoss {
namespace {

// Which input lies in each place of a block: kInt8Order the other way round.
alignas(kBlock) constexpr std::int8_t kInt8Input[kBlock] = {0,  4,  1,  5,  2,  6,  3,  7,  8,  12, 9,
                                                            13, 10, 14, 11, 15, 16, 20, 17, 21, 18, 22,
                                                            19, 23, 24, 28, 25, 29, 26, 30, 27, 31};
typedef std::int8_t Int8Lanes __attribute__((vector_size(Isa::kLanes)));
typedef std::int8_t Int8Values __attribute__((vector_size(kBlock)));

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
    const float largest = largest_lane(top);
    // Nothing is left of a block that is smaller than the square of anything that matters.
    const Isa::F factor = Isa::set1(largest < 1e-30f ? 0.0f : 127.0f / largest);
    Int8Values bytes;
    Isa::I sum{};
    for (Index i = 0; i < kBlock; i += Isa::kLanes) {
      const Isa::I value = (Isa::I)(Isa::load(in + i) * factor + magic) - (Isa::I)magic;
      const Int8Lanes narrow = __builtin_convertvector(value, Int8Lanes);
      std::memcpy(reinterpret_cast<std::int8_t*>(&bytes) + i, &narrow, sizeof narrow);
      sum += value;
    }
    if (lane_sum(broken) == 0.0f) {
      out[block].scale = largest < 1e-30f ? 0.0f : largest / 127.0f;
      out[block].negative_sum = -lane_sum(sum);
      Int8Values input;
      std::memcpy(&input, kInt8Input, sizeof input);
      bytes = __builtin_shuffle(bytes, input);
      std::memcpy(out[block].values, &bytes, sizeof bytes);
    } else {
      out[block] = {};
      out[block].scale = bits_to_float(0x7fc00000u);
    }
  }
}

}  // namespace
}  // namespace gptoss
