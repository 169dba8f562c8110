// The derivative of the clamped SwiGLU (kernels/swiglu.h). A value at a limit counts as not clamped, as in PyTorch.
#pragma once

#include "kernels/exp.h"
#include "kernels/lanes.h"

namespace gptoss {
namespace {

// Lanes of a and b by turns: the first of each, and so on.
constexpr std::int32_t kWoven[] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                   8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};

// Where lane i of a, or i - 16 of b, is when vectors have kLanes.
GPTOSS_INLINE Isa::I woven_places(Index half) {
  const Isa::I lane = places(kWoven + half * Isa::kLanes);
  return lane >= 16 ? lane - 16 + Isa::kLanes : lane;
}

GPTOSS_INLINE void store_woven(float* p, Isa::F a, Isa::F b) {
  for (Index half = 0; half < 2; ++half)
    Isa::store(p + half * Isa::kLanes, __builtin_shuffle(a, b, woven_places(half)));
}

// Rows [begin, end) of (rows, width).
void swiglu_gradient(const float* gate_up, const float* d_out, float* d_gate_up, Index width, Swiglu s, Index begin,
                     Index end) {
  const Isa::F one = Isa::set1(1.0f), zero{}, limit = Isa::set1(s.limit), alpha = Isa::set1(s.alpha);
  for (Index at = begin * width; at < end * width; at += Isa::kLanes) {
    const Isa::F a = Isa::load(gate_up + 2 * at), b = Isa::load(gate_up + 2 * at + Isa::kLanes);
    const Isa::F gate = evens(a, b), up = odds(a, b), d = Isa::load(d_out + at);
    const Isa::F low = Isa::min(gate, limit), between = Isa::max(Isa::min(up, limit), -limit);
    const Isa::F sigmoid = one / (one + exp(-alpha * low));
    const Isa::F slope = sigmoid * (one + alpha * low * (one - sigmoid));
    Isa::F d_gate = d * (between + one) * slope, d_up = d * low * sigmoid;
    d_gate = gate > limit ? zero : d_gate;
    d_up = (up > limit) | (up < -limit) ? zero : d_up;
    store_woven(d_gate_up + 2 * at, d_gate, d_up);
  }
}

}  // namespace
}  // namespace gptoss
