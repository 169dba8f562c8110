// Grouped-query attention over pages, with one sink per query head, full or within a window.
//
// A query goes through its sequence in order, a tile of kTile positions at a time, by running maximum and sum, and
// never touches a page outside its window. All query heads of a KV head go together, so that each key and value is read
// once. Where a tile begins depends on positions alone, so a query's sums are the same in a prefill, a decode or a
// batch.
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

// Scores of Heads query heads against Vectors vectors of keys, (head_dim, page_size), from `slot` on.
template <int Heads, int Vectors, class Cached>
GPTOSS_INLINE void score_tile(const float* query, const Cached* keys, Index page_size, Index head_dim, float scale,
                              Index slot, Ahead ahead, float* scores) {
  constexpr Index kBytes = Vectors * Isa::kLanes * static_cast<Index>(sizeof(Cached));
  Isa::F sum[Heads][Vectors] = {};
  for (Index d = 0; d < head_dim; ++d) {
    Isa::F key[Vectors];
    GPTOSS_UNROLL for (int v = 0; v < Vectors; ++v) key[v] = Isa::load(keys + d * page_size + slot + v * Isa::kLanes);
    if (d * kBytes % 64 == 0) ask(ahead, slot * head_dim * static_cast<Index>(sizeof(Cached)) + d * kBytes);
    GPTOSS_UNROLL for (int q = 0; q < Heads; ++q) GPTOSS_UNROLL for (int v = 0; v < Vectors; ++v) sum[q][v] =
        Isa::fma(Isa::set1(query[q * head_dim + d]), key[v], sum[q][v]);
  }
  GPTOSS_UNROLL for (int q = 0; q < Heads; ++q) GPTOSS_UNROLL for (int v = 0; v < Vectors; ++v)
      Isa::store(scores + q * kTile + slot + v * Isa::kLanes, sum[q][v] * Isa::set1(scale));
}

template <int Heads, class Cached>
GPTOSS_INLINE void score_page(const float* query, const Cached* keys, Index page_size, Index head_dim, float scale,
                              Ahead ahead, float* scores) {
  Index slot = 0;
  for (; slot + kTileVectors * Isa::kLanes <= page_size; slot += kTileVectors * Isa::kLanes)
    score_tile<Heads, kTileVectors>(query, keys, page_size, head_dim, scale, slot, ahead, scores);
  for (; slot < page_size; slot += Isa::kLanes)
    score_tile<Heads, 1>(query, keys, page_size, head_dim, scale, slot, ahead, scores);
}

// Whether keys and values are multiplied as they are cached, in pairs, by queries and weights rounded to bfloat16.
template <class Cached>
constexpr bool kHasPairs = std::is_same_v<Cached, Bf16> && Isa::kHasBf16Dot;
// Values of a row that are paired with those of the next.
constexpr Index kPairRow = 32;

// The same for kPairRow keys, two dimensions at a time. `Simd` is Isa where that has pairs.
template <class Simd, int Heads>
GPTOSS_INLINE void score_pairs(const Bf16* query, const Bf16* keys, Index page_size, Index head_dim, float scale,
                               Index slot, Ahead ahead, float* scores) {
  constexpr Index kBytes = kPairRow * static_cast<Index>(sizeof(Bf16));
  Isa::F sum[Heads][2] = {};
  for (Index d = 0; d < head_dim; d += 2) {
    Isa::Word<Bf16> key[2];
    Simd::pair(keys + d * page_size + slot, keys + (d + 1) * page_size + slot, key);
    for (Index line = 0; line < 2; ++line) ask(ahead, (slot / kPairRow * head_dim + d + line) * kBytes);
    GPTOSS_UNROLL for (int q = 0; q < Heads; ++q) GPTOSS_UNROLL for (int v = 0; v < 2; ++v) sum[q][v] =
        Simd::dot_pair(sum[q][v], key[v], query + q * head_dim + d);
  }
  GPTOSS_UNROLL for (int q = 0; q < Heads; ++q) GPTOSS_UNROLL for (int v = 0; v < 2; ++v)
      Isa::store(scores + q * kTile + slot + v * Isa::kLanes, sum[q][v] * Isa::set1(scale));
}

// Softmax under way for one query head.
struct Running {
  float largest, total;
};

// Turns the scores of a tile, of which `seen` counts, into weights relative to the largest score so far, rounded if
// `rounded` is there; returns what earlier sums shrink by.
GPTOSS_INLINE float weigh_tile(Running& run, float* scores, Bf16* rounded, Span seen) {
  const float nothing = -bits_to_float(0x7f800000u);
  const Index begin = seen.first / Isa::kLanes * Isa::kLanes;
  const Index end = (seen.stop + Isa::kLanes - 1) / Isa::kLanes * Isa::kLanes;
  for (Index slot = begin; slot < seen.first; ++slot) scores[slot] = nothing;
  for (Index slot = seen.stop; slot < end; ++slot) scores[slot] = nothing;
  Isa::F top = Isa::set1(run.largest);
  for (Index slot = begin; slot < end; slot += Isa::kLanes) top = Isa::max(Isa::load(scores + slot), top);
  const float largest = largest_lane(top);
  const float rescale = exp(run.largest - largest);
  Isa::F total{};
  for (Index slot = begin; slot < end; slot += Isa::kLanes) {
    Isa::F weight = exp(Isa::load(scores + slot) - Isa::set1(largest));
    if (rounded) {
      Isa::store(rounded + slot, weight);
      // What is divided by in the end is the sum of what was multiplied by.
      weight = Isa::load(rounded + slot);
    } else {
      Isa::store(scores + slot, weight);
    }
    total = total + weight;
  }
  run.total = run.total * rescale + lane_sum(total);
  run.largest = largest;
  return rescale;
}

// A sequence's pages for one KV head.
template <class Cached>
struct HeadPages {
  const Attention<Cached>& a;
  const std::int32_t* table;
  Index kv_head, page_values;

  inline __attribute__((always_inline)) const Cached* keys(Index page) const {
    return a.pages + (table[page] * 2 * a.kv_heads + kv_head) * page_values;
  }
  inline __attribute__((always_inline)) const Cached* values(Index page) const {
    return keys(page) + a.kv_heads * page_values;
  }
};

// Adds the weighted values of a tile, pages of (page_size, head_dim), to Vectors vectors of the outputs of Heads query
// heads. `seen` counts from the tile's beginning, `origin`.
template <int Heads, int Vectors, class Cached>
GPTOSS_INLINE void value_tile(const float* weights, const float* rescale, const HeadPages<Cached>& pages, Index origin,
                              Span seen, Index d, float* out) {
  const Index page_size = pages.a.page_size, head_dim = pages.a.head_dim;
  Isa::F sum[Heads][Vectors];
  GPTOSS_UNROLL for (int q = 0; q < Heads; ++q) GPTOSS_UNROLL for (int v = 0; v < Vectors; ++v) sum[q][v] =
      Isa::load(out + q * head_dim + d + v * Isa::kLanes) * Isa::set1(rescale[q]);
  for (Index at = seen.first; at < seen.stop;) {
    const Index page = (origin + at) / page_size, page_end = (page + 1) * page_size - origin;
    const Index stop = page_end < seen.stop ? page_end : seen.stop;
    const Cached* values = pages.values(page) + (origin + at - page * page_size) * head_dim + d;
    for (; at < stop; ++at, values += head_dim) {
      Isa::F value[Vectors];
      GPTOSS_UNROLL for (int v = 0; v < Vectors; ++v) value[v] = Isa::load(values + v * Isa::kLanes);
      GPTOSS_UNROLL for (int q = 0; q < Heads; ++q) GPTOSS_UNROLL for (int v = 0; v < Vectors; ++v) sum[q][v] =
          Isa::fma(Isa::set1(weights[q * kTile + at]), value[v], sum[q][v]);
    }
  }
  GPTOSS_UNROLL for (int q = 0; q < Heads; ++q) GPTOSS_UNROLL for (int v = 0; v < Vectors; ++v)
      Isa::store(out + q * head_dim + d + v * Isa::kLanes, sum[q][v]);
}

template <int Heads, class Cached>
GPTOSS_INLINE void add_values(const float* weights, const float* rescale, const HeadPages<Cached>& pages, Index origin,
                              Span seen, float* out) {
  const Index head_dim = pages.a.head_dim;
  Index d = 0;
  for (; d + kTileVectors * Isa::kLanes <= head_dim; d += kTileVectors * Isa::kLanes)
    value_tile<Heads, kTileVectors>(weights, rescale, pages, origin, seen, d, out);
  for (; d < head_dim; d += Isa::kLanes) value_tile<Heads, 1>(weights, rescale, pages, origin, seen, d, out);
}

// The same for kPairRow values, two positions at a time; where one of them is not seen, nothing stands for it.
template <class Simd, int Heads>
GPTOSS_INLINE void value_pairs(const Bf16* weights, const float* rescale, const HeadPages<Bf16>& pages, Index origin,
                               Span seen, Index d, float* out) {
  alignas(64) static constexpr Bf16 kNothing[kPairRow] = {};
  const Index page_size = pages.a.page_size, head_dim = pages.a.head_dim;
  Isa::F sum[Heads][2];
  GPTOSS_UNROLL for (int q = 0; q < Heads; ++q) GPTOSS_UNROLL for (int v = 0; v < 2; ++v) sum[q][v] =
      Isa::load(out + q * head_dim + d + v * Isa::kLanes) * Isa::set1(rescale[q]);
  for (Index at = seen.first / 2 * 2; at < seen.stop;) {
    const Index page = (origin + at) / page_size, page_end = (page + 1) * page_size - origin;
    const Index stop = page_end < seen.stop ? page_end : seen.stop;
    const Bf16* values = pages.values(page) + (origin + at - page * page_size) * head_dim + d;
    for (; at < stop; at += 2, values += 2 * head_dim) {
      Isa::Word<Bf16> value[2];
      Simd::pair(at < seen.first ? kNothing : values, at + 1 < seen.stop ? values + head_dim : kNothing, value);
      GPTOSS_UNROLL for (int q = 0; q < Heads; ++q) GPTOSS_UNROLL for (int v = 0; v < 2; ++v) sum[q][v] =
          Simd::dot_pair(sum[q][v], value[v], weights + q * kTile + at);
    }
  }
  GPTOSS_UNROLL for (int q = 0; q < Heads; ++q) GPTOSS_UNROLL for (int v = 0; v < 2; ++v)
      Isa::store(out + q * head_dim + d + v * Isa::kLanes, sum[q][v]);
}

// One token and one KV head: all query heads that share it.
template <bool InPairs, class Cached>
void attend(const Attention<Cached>& a, Index token, Index kv_head) {
  alignas(64) float scores[kMaxGroup * kTile];
  // Queries and weights as pairs take them.
  alignas(64) Bf16 rounded_query[InPairs ? kMaxGroup * kMaxHeadDim : 1];
  alignas(64) Bf16 rounded[InPairs ? kMaxGroup * kTile : 1];
  float rescale[kMaxGroup];
  Running run[kMaxGroup];
  const Index group = a.heads / a.kv_heads;
  const Index position = static_cast<Index>(a.positions[token]);
  const Index start = a.window > 0 && position + 1 > a.window ? position + 1 - a.window : 0;
  const HeadPages<Cached> pages = {a, a.page_table + a.sequence_index[token] * a.max_pages, kv_head,
                                   a.page_size * a.head_dim};
  float* out = a.out + (token * a.heads + kv_head * group) * a.head_dim;
  const float* query = a.query + (token * a.query_heads + kv_head * group) * a.head_dim;

  for (Index i = 0; i < group * a.head_dim; ++i) out[i] = 0.0f;
  if constexpr (InPairs)
    for (Index i = 0; i < group * a.head_dim; i += Isa::kLanes) Isa::store(rounded_query + i, Isa::load(query + i));
  // The sink can be the largest logit, so it opens the running maximum; its own weight is exp(0).
  for (Index q = 0; q < group; ++q) run[q] = {a.sinks[kv_head * group + q], 1.0f};

  const Index last_page = position / a.page_size;
  for (Index origin = start / kTile * kTile; origin <= position; origin += kTile) {
    const Span seen = {start > origin ? start - origin : 0,
                       position + 1 - origin < kTile ? position + 1 - origin : kTile};
    for (Index page = (origin + seen.first) / a.page_size; page * a.page_size < origin + seen.stop; ++page) {
      float* page_scores = scores + (page * a.page_size - origin);
      const Ahead ahead = {pages.values(page), pages.keys(page < last_page ? page + 1 : page)};
      for (Index q = 0; q < group; q += kTileHeads)
        with_constant<kTileHeads>(group - q, [&](auto heads) {
          if constexpr (InPairs)
            for (Index slot = 0; slot < a.page_size; slot += kPairRow)
              score_pairs<Isa, heads>(rounded_query + q * a.head_dim, pages.keys(page), a.page_size, a.head_dim,
                                      a.scale, slot, ahead, page_scores + q * kTile);
          else
            score_page<heads>(query + q * a.head_dim, pages.keys(page), a.page_size, a.head_dim, a.scale, ahead,
                              page_scores + q * kTile);
        });
    }
    for (Index q = 0; q < group; ++q)
      rescale[q] = weigh_tile(run[q], scores + q * kTile, InPairs ? rounded + q * kTile : nullptr, seen);
    for (Index q = 0; q < group; q += kTileHeads)
      with_constant<kTileHeads>(group - q, [&](auto heads) {
        if constexpr (InPairs)
          for (Index d = 0; d < a.head_dim; d += kPairRow)
            value_pairs<Isa, heads>(rounded + q * kTile, rescale + q, pages, origin, seen, d, out + q * a.head_dim);
        else
          add_values<heads>(scores + q * kTile, rescale + q, pages, origin, seen, out + q * a.head_dim);
      });
  }
  for (Index q = 0; q < group; ++q)
    for (Index d = 0; d < a.head_dim; ++d) out[q * a.head_dim + d] /= run[q].total;
}

// One KV head after the other, so that its keys and values stay in the cache from token to token.
template <class Cached>
void attention(const Attention<Cached>& a, Index begin, Index end) {
  if constexpr (kHasPairs<Cached>)
    if (a.page_size % kPairRow == 0 && a.head_dim % kPairRow == 0) {
      for (Index item = begin; item < end; ++item) attend<true>(a, item % a.tokens, item / a.tokens);
      return;
    }
  for (Index item = begin; item < end; ++item) attend<false>(a, item % a.tokens, item / a.tokens);
}

}  // namespace
}  // namespace gptoss
