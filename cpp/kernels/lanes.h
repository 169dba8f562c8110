// What goes across the lanes of a vector: sums, the largest, every second one.
#pragma once

#include "simd/isa.h"

namespace gptoss {
namespace {

// Places of lanes, read from memory, because GCC makes a vector of what a loop counts at run time.
constexpr std::int32_t kLane[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                  16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
constexpr std::int32_t kEvenLane[] = {0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30};
constexpr std::int32_t kOddLane[] = {1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31};

GPTOSS_INLINE Isa::I places(const std::int32_t* p) {
  Isa::I lane;
  std::memcpy(&lane, p, sizeof lane);
  return lane;
}

// Lane i + width in the place of lane i, round the end.
template <class V>
GPTOSS_INLINE V rotated(V v, int width) {
  return __builtin_shuffle(v, places(kLane + width));
}

// Halves are added until one lane is left: a fixed order.
GPTOSS_INLINE float lane_sum(Isa::F v) {
  GPTOSS_UNROLL for (int width = Isa::kLanes / 2; width > 0; width /= 2) v = v + rotated(v, width);
  return v[0];
}

GPTOSS_INLINE std::int32_t lane_sum(Isa::I v) {
  GPTOSS_UNROLL for (int width = Isa::kLanes / 2; width > 0; width /= 2) v = v + rotated(v, width);
  return v[0];
}

GPTOSS_INLINE float largest_lane(Isa::F v) {
  GPTOSS_UNROLL for (int width = Isa::kLanes / 2; width > 0; width /= 2) v = Isa::max(v, rotated(v, width));
  return v[0];
}

// Every second lane of a, then of b: from the first, and from the second.
GPTOSS_INLINE Isa::F evens(Isa::F a, Isa::F b) { return __builtin_shuffle(a, b, places(kEvenLane)); }
GPTOSS_INLINE Isa::F odds(Isa::F a, Isa::F b) { return __builtin_shuffle(a, b, places(kOddLane)); }

}  // namespace
}  // namespace gptoss
