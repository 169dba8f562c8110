// Floats to whole numbers by the largest magnitude of a row: to nearest, ties to even.
#pragma once

#include "kernels/lanes.h"

namespace gptoss {
namespace {

// What one is worth in whole numbers, and how many of it make 1. A row with a value that is not finite has the step NaN
// so that it is not mistaken for a good one; one whose largest magnitude is below `smallest` has none, and is zero.
struct Step {
  float size, inverse;
};

GPTOSS_INLINE bool is_nan(float value) { return value != value; }

GPTOSS_INLINE Step step_of(float largest, float most, float smallest) {
  return largest < smallest ? Step{0.0f, 0.0f} : Step{largest / most, most / largest};
}

// Not a number if a value is not finite.
GPTOSS_INLINE float largest_magnitude(const float* x, Index count) {
  Isa::F top{}, broken{};
  for (Index i = 0; i < count; i += Isa::kLanes) {
    const Isa::F v = Isa::load(x + i);
    top = Isa::max(top, Isa::max(v, -v));
    broken = broken + v * Isa::F{};
  }
  return lane_sum(broken) == 0.0f ? largest_lane(top) : bits_to_float(0x7fc00000u);
}

// Adding 1.5 * 2^23 rounds to a whole number, which then lies in the low bits.
constexpr float kRounder = 12582912.0f;

GPTOSS_INLINE Isa::I whole(Isa::F x) {
  const Isa::F rounder = Isa::set1(kRounder);
  return (Isa::I)(x + rounder) - (Isa::I)rounder;
}

typedef std::int8_t Int8Lanes __attribute__((vector_size(Isa::kLanes)));
typedef std::int16_t Int16Lanes __attribute__((vector_size(2 * Isa::kLanes)));

GPTOSS_INLINE void store_whole(std::int8_t* p, Isa::I values) {
  const Int8Lanes narrow = __builtin_convertvector(values, Int8Lanes);
  std::memcpy(p, &narrow, sizeof narrow);
}
GPTOSS_INLINE void store_whole(std::int16_t* p, Isa::I values) {
  const Int16Lanes narrow = __builtin_convertvector(values, Int16Lanes);
  std::memcpy(p, &narrow, sizeof narrow);
}

}  // namespace
}  // namespace gptoss
