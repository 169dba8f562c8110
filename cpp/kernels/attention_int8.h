// Attention over an eight-bit cache, in whole numbers: queries and softmax weights are rounded to sixteen bits, so sums
// are exact and have no order. A tile's sum of products of at most 32767 and 127 fits into 32 bits.
#pragma once

#include "kernels/attention_tile.h"
#include "kernels/whole.h"

namespace gptoss {
namespace {

static_assert(Index{32767} * 128 * (kTile > kMaxHeadDim ? kTile : kMaxHeadDim) < Index{1} << 31);

constexpr float kMostInt16 = 32767.0f;
// Queries below this are zero. So are scales: those that `rope_store` makes are larger, and 32767 over them is a float.
constexpr float kSmallestQuery = 1e-30f, kSmallestScale = 1e-33f;

GPTOSS_INLINE Isa::F to_float(Isa::I v) { return __builtin_convertvector(v, Isa::F); }

// The scales of a page's keys or values.
GPTOSS_INLINE Isa::F load_scales(const std::int8_t* half, Index page_size, Index head_dim, Index slot) {
  Isa::F scales;
  std::memcpy(&scales, half + page_size * head_dim + slot * kScaleBytes<std::int8_t>, sizeof scales);
  return scales;
}

// Scores of Heads query heads against Vectors vectors of keys, from `slot` on. `factors` are the queries' scales.
template <int Heads, int Vectors>
GPTOSS_INLINE void score_whole(const std::int16_t* query, const float* factors, const std::int8_t* keys,
                               Index page_size, Index head_dim, Index slot, Ahead ahead, float* scores) {
  constexpr Index kBytes = 2 * Vectors * Isa::kLanes;
  Isa::I sum[Heads][Vectors] = {};
  for (Index pair = 0; pair < head_dim / 2; ++pair) {
    Isa::Word<std::int8_t> key[Vectors];
    GPTOSS_UNROLL for (int v = 0; v < Vectors; ++v) key[v] =
        Isa::load_pairs(keys + 2 * (pair * page_size + slot + v * Isa::kLanes));
    if (pair * kBytes % 64 == 0) ask(ahead, slot * head_dim + pair * kBytes);
    GPTOSS_UNROLL for (int q = 0; q < Heads; ++q) GPTOSS_UNROLL for (int v = 0; v < Vectors; ++v) sum[q][v] =
        Isa::dot_pair(sum[q][v], key[v], query + q * kMaxHeadDim + 2 * pair);
  }
  GPTOSS_UNROLL for (int v = 0; v < Vectors; ++v) {
    const Isa::F scales = load_scales(keys, page_size, head_dim, slot + v * Isa::kLanes);
    GPTOSS_UNROLL for (int q = 0; q < Heads; ++q)
        Isa::store(scores + q * kTile + slot + v * Isa::kLanes, to_float(sum[q][v]) * (Isa::set1(factors[q]) * scales));
  }
}

// Adds the values of a tile by their whole weights, of which one is worth `steps`, to Vectors vectors of the outputs of
// Heads query heads. The weight of a position that is not seen is zero.
template <int Heads, int Vectors>
GPTOSS_INLINE void value_whole(const std::int16_t* weights, const float* steps, const float* rescale,
                               const HeadPages<std::int8_t>& pages, Index origin, Span seen, Index d, float* out) {
  const Index page_size = pages.a.page_size, head_dim = pages.a.head_dim;
  Isa::I sum[Heads][Vectors] = {};
  for (Index at = seen.first / 2 * 2; at < seen.stop;) {
    const Index page = (origin + at) / page_size, page_end = (page + 1) * page_size - origin;
    const Index stop = page_end < seen.stop ? page_end : seen.stop;
    const std::int8_t* values = pages.values(page) + (origin + at - page * page_size) * head_dim + 2 * d;
    for (; at < stop; at += 2, values += 2 * head_dim) {
      Isa::Word<std::int8_t> value[Vectors];
      GPTOSS_UNROLL for (int v = 0; v < Vectors; ++v) value[v] = Isa::load_pairs(values + 2 * v * Isa::kLanes);
      GPTOSS_UNROLL for (int q = 0; q < Heads; ++q) GPTOSS_UNROLL for (int v = 0; v < Vectors; ++v) sum[q][v] =
          Isa::dot_pair(sum[q][v], value[v], weights + q * kTile + at);
    }
  }
  GPTOSS_UNROLL for (int q = 0; q < Heads; ++q) GPTOSS_UNROLL for (int v = 0; v < Vectors; ++v) {
    float* place = out + q * head_dim + d + v * Isa::kLanes;
    const Isa::F before = Isa::load(place) * Isa::set1(rescale[q]);
    Isa::store(place, Isa::fma(to_float(sum[q][v]), Isa::set1(steps[q]), before));
  }
}

// The scales of a tile's values, the largest as 32767; returns what one is worth.
GPTOSS_INLINE float value_units(const HeadPages<std::int8_t>& pages, Index origin, Span seen, float* units) {
  const Index page_size = pages.a.page_size;
  for (Index page = (origin + seen.first) / page_size; page * page_size < origin + seen.stop; ++page)
    for (Index slot = 0; slot < page_size; slot += Isa::kLanes)
      Isa::store(units + page * page_size - origin + slot,
                 load_scales(pages.values(page), page_size, pages.a.head_dim, slot));
  // A slot that was never written may hold any bits.
  const auto [begin, end] = whole_vectors(seen);
  for (Index slot = begin; slot < seen.first; ++slot) units[slot] = 0.0f;
  for (Index slot = seen.stop; slot < end; ++slot) units[slot] = 0.0f;
  const Step step = step_of(largest_magnitude(units + begin, end - begin), kMostInt16, kSmallestScale);
  for (Index slot = begin; slot < end; slot += Isa::kLanes)
    Isa::store(units + slot, Isa::load(units + slot) * Isa::set1(step.inverse));
  return step.size;
}

// Weights relative to the largest score of the tile, `tops`, times what values are worth, `units`, as whole numbers, of
// Heads query heads. `shares` are the weights of the largest scores.
template <int Heads>
GPTOSS_INLINE void weigh_whole(Running* run, const float* scores, const float* tops, const float* shares,
                               const float* units, Span seen, const float* rescale, std::int16_t* weights) {
  const auto [begin, end] = whole_vectors(seen);
  Isa::F total[Heads] = {};
  for (Index slot = begin; slot < end; slot += Isa::kLanes) {
    const Isa::F unit = Isa::load(units + slot);
    GPTOSS_UNROLL for (int q = 0; q < Heads; ++q) {
      const Isa::F weight = exp2_down(Isa::load(scores + q * kTile + slot) - Isa::set1(tops[q]));
      total[q] = total[q] + weight;
      // As `whole` does; what lies above the low bits is not stored.
      store_whole(weights + q * kTile + slot, (Isa::I)Isa::fma(weight, unit, Isa::set1(kRounder)));
    }
  }
  GPTOSS_UNROLL for (int q = 0; q < Heads; ++q) run[q].total =
      run[q].total * rescale[q] + lane_sum(total[q]) * shares[q];
}

// Queries and weights as whole numbers of sixteen bits.
struct WholeOperands {
  // Scores are powers of two, which cost less than those of e.
  static constexpr float kLogit = 1.44269504f;

  alignas(64) std::int16_t query[kMaxGroup * kMaxHeadDim];
  alignas(64) std::int16_t weights[kMaxGroup * kTile];
  float factors[kMaxGroup], steps[kMaxGroup];

  GPTOSS_METHOD void take(const float* queries, const Attention<std::int8_t>& a, Index group) {
    for (Index q = 0; q < group; ++q) {
      const float* row = queries + q * a.head_dim;
      const Step step = step_of(largest_magnitude(row, a.head_dim), kMostInt16, kSmallestQuery);
      for (Index d = 0; d < a.head_dim; d += Isa::kLanes)
        store_whole(query + q * kMaxHeadDim + d, whole(Isa::load(row + d) * Isa::set1(step.inverse)));
      factors[q] = step.size * (a.scale * kLogit);
    }
  }
  template <int Heads>
  GPTOSS_METHOD void score(const HeadPages<std::int8_t>& pages, Index page, Index q, Ahead ahead, float* scores) const {
    const Index page_size = pages.a.page_size, head_dim = pages.a.head_dim;
    for (Index byte = 0; byte < page_size * kScaleBytes<std::int8_t>; byte += 64)
      ask(ahead, page_size * head_dim + byte);
    const std::int8_t* keys = pages.keys(page);
    const std::int16_t* first = query + q * kMaxHeadDim;
    Index slot = 0;
    for (; slot + kTileVectors * Isa::kLanes <= page_size; slot += kTileVectors * Isa::kLanes)
      score_whole<Heads, kTileVectors>(first, factors + q, keys, page_size, head_dim, slot, ahead, scores);
    for (; slot < page_size; slot += Isa::kLanes)
      score_whole<Heads, 1>(first, factors + q, keys, page_size, head_dim, slot, ahead, scores);
  }
  GPTOSS_METHOD void weigh(const HeadPages<std::int8_t>& pages, Index origin, Span seen, Index group, Running* run,
                           float* scores, float* rescale) {
    alignas(64) float units[kTile];
    const float unit = value_units(pages, origin, seen, units);
    alignas(64) float tops[kMaxGroup], shares[kMaxGroup] = {};
    for (Index q = 0; q < group; ++q) {
      tops[q] = largest_score(scores + q * kTile, seen, -bits_to_float(0x7f800000u));
      const float largest = tops[q] > run[q].largest ? tops[q] : run[q].largest;
      rescale[q] = run[q].largest - largest;
      shares[q] = tops[q] - largest;
      run[q].largest = largest;
    }
    raise(rescale, group, exp2_down);
    raise(shares, group, exp2_down);
    for (Index q = 0; q < group; q += kTileHeads)
      with_constant<kTileHeads>(group - q, [&](auto heads) {
        weigh_whole<heads>(run + q, scores + q * kTile, tops + q, shares + q, units, seen, rescale + q,
                           weights + q * kTile);
      });
    for (Index q = 0; q < group; ++q) steps[q] = shares[q] * unit;
  }
  template <int Heads>
  GPTOSS_METHOD void add(const HeadPages<std::int8_t>& pages, Index origin, Span seen, Index q, const float* rescale,
                         float* out) const {
    const Index head_dim = pages.a.head_dim;
    const std::int16_t* first = weights + q * kTile;
    Index d = 0;
    for (; d + kTileVectors * Isa::kLanes <= head_dim; d += kTileVectors * Isa::kLanes)
      value_whole<Heads, kTileVectors>(first, steps + q, rescale, pages, origin, seen, d, out);
    for (; d < head_dim; d += Isa::kLanes)
      value_whole<Heads, 1>(first, steps + q, rescale, pages, origin, seen, d, out);
  }
};

}  // namespace
}  // namespace gptoss
