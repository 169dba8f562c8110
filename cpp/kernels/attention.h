// Grouped-query attention over pages, with one sink per query head, full or within a window.
//
// A query goes through the pages of its sequence in order, by running maximum and sum, and never touches a page outside
// its window. All query heads of a KV head go together, so that each key and value is read once. Where a page begins
// depends on positions alone, so a query's sums are the same in a prefill, a decode or a batch.
#pragma once

#include "kernels/constants.h"
#include "kernels/exp.h"

namespace gptoss {
namespace {

static_assert(kMaxPageSize % Isa::kLanes == 0 && kPageMultiple % Isa::kLanes == 0);

// Vectors x heads whose sums are held in registers.
constexpr int kTileVectors = Isa::kLanes < 8 ? 1 : 2;
constexpr int kTileHeads = Isa::kAccumulators / kTileVectors < 8 ? Isa::kAccumulators / kTileVectors : 8;

// The part of a page that a query sees: slots [first, stop).
struct Visible {
  Index first, stop;
};

// Scores of Heads query heads against Vectors vectors of keys, (head_dim, page_size), from `slot` on.
template <int Heads, int Vectors, class Cached>
GPTOSS_INLINE void score_tile(const float* query, const Cached* keys, Index page_size, Index head_dim, float scale,
                              Index slot, float* scores) {
  Isa::F sum[Heads][Vectors] = {};
  for (Index d = 0; d < head_dim; ++d) {
    Isa::F key[Vectors];
    GPTOSS_UNROLL for (int v = 0; v < Vectors; ++v) key[v] = Isa::load(keys + d * page_size + slot + v * Isa::kLanes);
    GPTOSS_UNROLL for (int q = 0; q < Heads; ++q) GPTOSS_UNROLL for (int v = 0; v < Vectors; ++v) sum[q][v] =
        Isa::fma(Isa::set1(query[q * head_dim + d]), key[v], sum[q][v]);
  }
  GPTOSS_UNROLL for (int q = 0; q < Heads; ++q) GPTOSS_UNROLL for (int v = 0; v < Vectors; ++v)
      Isa::store(scores + q * kMaxPageSize + slot + v * Isa::kLanes, sum[q][v] * Isa::set1(scale));
}

template <int Heads, class Cached>
GPTOSS_INLINE void score_page(const float* query, const Cached* keys, Index page_size, Index head_dim, float scale,
                              float* scores) {
  Index slot = 0;
  for (; slot + kTileVectors * Isa::kLanes <= page_size; slot += kTileVectors * Isa::kLanes)
    score_tile<Heads, kTileVectors>(query, keys, page_size, head_dim, scale, slot, scores);
  for (; slot < page_size; slot += Isa::kLanes)
    score_tile<Heads, 1>(query, keys, page_size, head_dim, scale, slot, scores);
}

// Softmax under way for one query head.
struct Running {
  float largest, total;
};

// Turns a page's scores into weights, relative to the largest score so far; returns what earlier sums shrink by.
GPTOSS_INLINE float weigh_page(Running& run, float* scores, Visible seen, Index page_size) {
  const float nothing = -bits_to_float(0x7f800000u);
  for (Index slot = 0; slot < seen.first; ++slot) scores[slot] = nothing;
  for (Index slot = seen.stop; slot < page_size; ++slot) scores[slot] = nothing;
  Isa::F top = Isa::set1(run.largest);
  for (Index slot = 0; slot < page_size; slot += Isa::kLanes) top = Isa::max(Isa::load(scores + slot), top);
  const float largest = Isa::largest(top);
  const float rescale = exp(run.largest - largest);
  Isa::F total{};
  for (Index slot = 0; slot < page_size; slot += Isa::kLanes) {
    const Isa::F weight = exp(Isa::load(scores + slot) - Isa::set1(largest));
    Isa::store(scores + slot, weight);
    total = total + weight;
  }
  run.total = run.total * rescale + Isa::sum(total);
  run.largest = largest;
  return rescale;
}

// Adds the weighted values of a page, (page_size, head_dim), to Vectors vectors of the outputs of Heads query heads.
template <int Heads, int Vectors, class Cached>
GPTOSS_INLINE void value_tile(const float* weights, const float* rescale, const Cached* values, Visible seen,
                              Index head_dim, float* out) {
  Isa::F sum[Heads][Vectors];
  GPTOSS_UNROLL for (int q = 0; q < Heads; ++q) GPTOSS_UNROLL for (int v = 0; v < Vectors; ++v) sum[q][v] =
      Isa::load(out + q * head_dim + v * Isa::kLanes) * Isa::set1(rescale[q]);
  for (Index slot = seen.first; slot < seen.stop; ++slot) {
    Isa::F value[Vectors];
    GPTOSS_UNROLL for (int v = 0; v < Vectors; ++v) value[v] = Isa::load(values + slot * head_dim + v * Isa::kLanes);
    GPTOSS_UNROLL for (int q = 0; q < Heads; ++q) GPTOSS_UNROLL for (int v = 0; v < Vectors; ++v) sum[q][v] =
        Isa::fma(Isa::set1(weights[q * kMaxPageSize + slot]), value[v], sum[q][v]);
  }
  GPTOSS_UNROLL for (int q = 0; q < Heads; ++q) GPTOSS_UNROLL for (int v = 0; v < Vectors; ++v)
      Isa::store(out + q * head_dim + v * Isa::kLanes, sum[q][v]);
}

template <int Heads, class Cached>
GPTOSS_INLINE void add_values(const float* weights, const float* rescale, const Cached* values, Visible seen,
                              Index head_dim, float* out) {
  Index d = 0;
  for (; d + kTileVectors * Isa::kLanes <= head_dim; d += kTileVectors * Isa::kLanes)
    value_tile<Heads, kTileVectors>(weights, rescale, values + d, seen, head_dim, out + d);
  for (; d < head_dim; d += Isa::kLanes) value_tile<Heads, 1>(weights, rescale, values + d, seen, head_dim, out + d);
}

// One token and one KV head: all query heads that share it.
template <class Cached>
void attend(const Attention<Cached>& a, Index token, Index kv_head) {
  alignas(64) float scores[kMaxGroup * kMaxPageSize];
  float rescale[kMaxGroup];
  Running run[kMaxGroup];
  const Index group = a.heads / a.kv_heads;
  const Index position = static_cast<Index>(a.positions[token]);
  const Index start = a.window > 0 && position + 1 > a.window ? position + 1 - a.window : 0;
  const std::int32_t* table = a.page_table + a.sequence_index[token] * a.max_pages;
  const Index page_values = a.page_size * a.head_dim;
  float* out = a.out + (token * a.heads + kv_head * group) * a.head_dim;
  const float* query = a.query + (token * a.query_heads + kv_head * group) * a.head_dim;

  for (Index i = 0; i < group * a.head_dim; ++i) out[i] = 0.0f;
  // The sink can be the largest logit, so it opens the running maximum; its own weight is exp(0).
  for (Index q = 0; q < group; ++q) run[q] = {a.sinks[kv_head * group + q], 1.0f};

  for (Index page = start / a.page_size; page <= position / a.page_size; ++page) {
    const Index origin = page * a.page_size;
    const Visible seen = {start > origin ? start - origin : 0,
                          position + 1 - origin < a.page_size ? position + 1 - origin : a.page_size};
    const Cached* keys = a.pages + (table[page] * 2 * a.kv_heads + kv_head) * page_values;
    const Cached* values = keys + a.kv_heads * page_values;
    for (Index q = 0; q < group; q += kTileHeads)
      with_constant<kTileHeads>(group - q, [&](auto heads) {
        score_page<heads>(query + q * a.head_dim, keys, a.page_size, a.head_dim, a.scale, scores + q * kMaxPageSize);
      });
    for (Index q = 0; q < group; ++q) rescale[q] = weigh_page(run[q], scores + q * kMaxPageSize, seen, a.page_size);
    for (Index q = 0; q < group; q += kTileHeads)
      with_constant<kTileHeads>(group - q, [&](auto heads) {
        add_values<heads>(scores + q * kMaxPageSize, rescale + q, values, seen, a.head_dim, out + q * a.head_dim);
      });
  }
  for (Index q = 0; q < group; ++q)
    for (Index d = 0; d < a.head_dim; ++d) out[q * a.head_dim + d] /= run[q].total;
}

// One KV head after the other, so that its keys and values stay in the cache from token to token.
template <class Cached>
void attention(const Attention<Cached>& a, Index begin, Index end) {
  for (Index item = begin; item < end; ++item) attend(a, item % a.tokens, item / a.tokens);
}

}  // namespace
}  // namespace gptoss
