// A tile of attention: the positions that are weighed together, the pages they lie in and the softmax under way. What
// keys and values are multiplied as is not known here.
#pragma once

#include "kernels/constants.h"
#include "kernels/exp.h"
#include "kernels/lanes.h"

namespace gptoss {
namespace {

static_assert(kTile % kMaxPageSize == 0 && kPageMultiple % Isa::kLanes == 0);

// Vectors x heads whose sums are held in registers.
constexpr int kTileVectors = Isa::kLanes < 8 ? 1 : 2;
constexpr int kTileHeads = Isa::kAccumulators / kTileVectors < 8 ? Isa::kAccumulators / kTileVectors : 8;

// Positions [first, stop).
struct Span {
  Index first, stop;
};

// Also the positions that share a vector with some of them.
GPTOSS_INLINE Span whole_vectors(Span seen) {
  return {seen.first / Isa::kLanes * Isa::kLanes, (seen.stop + Isa::kLanes - 1) / Isa::kLanes * Isa::kLanes};
}

// The pages that are read next: asked for while scores are computed, because pages lie apart and the hardware guesses
// none.
struct Ahead {
  const void* values;
  const void* keys;
};

GPTOSS_INLINE void ask(const Ahead& ahead, Index byte) {
  __builtin_prefetch(static_cast<const char*>(ahead.values) + byte);
  __builtin_prefetch(static_cast<const char*>(ahead.keys) + byte);
}

// A sequence's pages for one KV head.
template <class Cached>
struct HeadPages {
  const Attention<Cached>& a;
  const std::int32_t* table;
  Index kv_head, half;  // elements of a page of keys or of values

  GPTOSS_METHOD const Cached* keys(Index page) const {
    return a.pages + (table[page] * 2 * a.kv_heads + kv_head) * half;
  }
  GPTOSS_METHOD const Cached* values(Index page) const { return keys(page) + a.kv_heads * half; }
};

// Softmax under way for one query head. The largest score counts in the unit of its operands, kLogit.
struct Running {
  float largest, total;
};

// Query heads that are weighed together, so that one's sums do not wait for their own latency.
constexpr int kWeighedHeads = 4;

// The largest score of a tile and of a query head, or `largest`. Scores that are not seen become minus infinity.
GPTOSS_INLINE float largest_score(float* scores, Span seen, float largest) {
  const float nothing = -bits_to_float(0x7f800000u);
  const auto [begin, end] = whole_vectors(seen);
  for (Index slot = begin; slot < seen.first; ++slot) scores[slot] = nothing;
  for (Index slot = seen.stop; slot < end; ++slot) scores[slot] = nothing;
  Isa::F top = Isa::set1(largest);
  for (Index slot = begin; slot < end; slot += Isa::kLanes) top = Isa::max(Isa::load(scores + slot), top);
  return largest_lane(top);
}

// Applies `power` to the values of `group` query heads; there is room for kMaxGroup.
template <class Power>
GPTOSS_INLINE void raise(float* values, Index group, const Power& power) {
  for (Index q = 0; q < group; q += Isa::kLanes) Isa::store(values + q, power(Isa::load(values + q)));
}

// Raises each query head's largest score to those of a tile; `rescale` receives what earlier sums shrink by.
GPTOSS_INLINE void raise_largest(Running* run, float* scores, Span seen, Index group, float* rescale) {
  for (Index q = 0; q < group; ++q) {
    const float largest = largest_score(scores + q * kTile, seen, run[q].largest);
    rescale[q] = run[q].largest - largest;
    run[q].largest = largest;
  }
  raise(rescale, group, exp_down);
}

// Turns scores into weights relative to the largest. `keep` takes a head, a slot and a vector of weights, and returns
// what of it is added to what is divided by in the end.
template <int Heads, class Keep>
GPTOSS_INLINE void weigh_heads(Running* run, const float* scores, Span seen, const float* rescale, const Keep& keep) {
  const auto [begin, end] = whole_vectors(seen);
  Isa::F total[Heads] = {};
  for (Index slot = begin; slot < end; slot += Isa::kLanes)
    GPTOSS_UNROLL for (int q = 0; q < Heads; ++q) total[q] =
        total[q] + keep(q, slot, exp_down(Isa::load(scores + q * kTile + slot) - Isa::set1(run[q].largest)));
  GPTOSS_UNROLL for (int q = 0; q < Heads; ++q) run[q].total = run[q].total * rescale[q] + lane_sum(total[q]);
}

}  // namespace
}  // namespace gptoss
