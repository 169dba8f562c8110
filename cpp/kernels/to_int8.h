// Activations to eight bits by blocks of 32: the largest magnitude becomes 127, the rest is rounded to nearest, ties to
// even. A block with a value that is not finite gets the scale NaN, so that it is not mistaken for a good one.
#pragma once

#include "kernels/whole.h"

namespace gptoss {
namespace {

// Nothing is left of a block that is smaller than the square of anything that matters.
constexpr float kSmallestInt8 = 1e-30f;

// Which input lies in each place of a block: kInt8Order the other way round.
alignas(kBlock) constexpr std::int8_t kInt8Input[kBlock] = {0,  4,  1,  5,  2,  6,  3,  7,  8,  12, 9,
                                                            13, 10, 14, 11, 15, 16, 20, 17, 21, 18, 22,
                                                            19, 23, 24, 28, 25, 29, 26, 30, 27, 31};
typedef std::int8_t Int8Values __attribute__((vector_size(kBlock)));

void to_int8(const float* x, Int8Block* out, Index begin, Index end) {
  Isa::I odd_lanes;
  for (int lane = 0; lane < Isa::kLanes; ++lane) odd_lanes[lane] = -(lane % 2);
  for (Index block = begin; block < end; ++block) {
    const float* in = x + block * kBlock;
    const Step step = step_of(largest_magnitude(in, kBlock), 127.0f, kSmallestInt8);
    Int8Values bytes;
    Isa::I sum{};
    for (Index i = 0; i < kBlock; i += Isa::kLanes) {
      const Isa::I value = whole(Isa::load(in + i) * Isa::set1(step.inverse));
      store_whole(reinterpret_cast<std::int8_t*>(&bytes) + i, value);
      sum += value;
    }
    out[block] = {};
    out[block].scale = step.size;
    if (is_nan(step.size)) continue;
    Int8Values input;
    std::memcpy(&input, kInt8Input, sizeof input);
    bytes = __builtin_shuffle(bytes, input);
    std::memcpy(out[block].values, &bytes, sizeof bytes);
    // Even inputs lie in the first two of four places, odd ones in the others.
    const int all = lane_sum(sum), odd = lane_sum(sum & odd_lanes);
    out[block].surplus[0] = static_cast<std::int16_t>(-kE2m1Offset * (all - odd));
    out[block].surplus[1] = static_cast<std::int16_t>(-kE2m1Offset * odd);
  }
}

}  // namespace
}  // namespace gptoss
