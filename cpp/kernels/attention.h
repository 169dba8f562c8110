// Grouped-query attention over pages, with one sink per query head, full or within a window.
//
// A query goes through the pages of its sequence in order, by running maximum and sum. Where a page begins depends
// on positions alone, so a query's sums are the same in a prefill, a decode or a batch.
#pragma once

#include "kernels/exp.h"

namespace gptoss {
namespace {

static_assert(kMaxPageSize % Isa::kLanes == 0);

// Keys or values of one page and head as floats: in place, or widened into scratch.
GPTOSS_INLINE const float* as_floats(const float* page, float*, Index) { return page; }

GPTOSS_INLINE const float* as_floats(const Bf16* page, float* scratch, Index count) {
  for (Index i = 0; i < count; i += Isa::kLanes) Isa::store(scratch + i, Isa::load(page + i));
  return scratch;
}

// The part of a page that a query sees: slots [first, stop).
struct Visible {
  Index first, stop;
};

// Scores of one query against the visible keys; the rest of the page gets minus infinity.
GPTOSS_INLINE void score_page(const float* query, const float* keys, Visible seen, Index padded, Index head_dim,
                              float scale, float* scores) {
  const float nothing = -bits_to_float(0x7f800000u);
  for (Index slot = 0; slot < padded; ++slot) scores[slot] = nothing;
  Index slot = seen.first;
  // Four keys at a time, so that four sums are under way at once.
  for (; slot + 4 <= seen.stop; slot += 4) {
    Isa::F sum[4] = {};
    for (Index d = 0; d < head_dim; d += Isa::kLanes) {
      const Isa::F q = Isa::load(query + d);
      for (int j = 0; j < 4; ++j) sum[j] = Isa::fma(q, Isa::load(keys + (slot + j) * head_dim + d), sum[j]);
    }
    for (int j = 0; j < 4; ++j) scores[slot + j] = Isa::sum(sum[j]) * scale;
  }
  for (; slot < seen.stop; ++slot) {
    Isa::F sum{};
    for (Index d = 0; d < head_dim; d += Isa::kLanes)
      sum = Isa::fma(Isa::load(query + d), Isa::load(keys + slot * head_dim + d), sum);
    scores[slot] = Isa::sum(sum) * scale;
  }
}

// Softmax under way for one query head.
struct Running {
  float largest, total;
};

GPTOSS_INLINE void add_page(Running& run, float* scores, const float* values, Visible seen, Index padded,
                            Index head_dim, float* out) {
  Isa::F top = Isa::set1(run.largest);
  for (Index slot = 0; slot < padded; slot += Isa::kLanes) top = Isa::max(Isa::load(scores + slot), top);
  const float largest = Isa::largest(top);
  const float rescale = exp(run.largest - largest);
  Isa::F total{};
  for (Index slot = 0; slot < padded; slot += Isa::kLanes) {
    const Isa::F weight = exp(Isa::load(scores + slot) - Isa::set1(largest));
    Isa::store(scores + slot, weight);
    total = total + weight;
  }
  run.total = run.total * rescale + Isa::sum(total);
  run.largest = largest;
  for (Index d = 0; d < head_dim; d += Isa::kLanes) {
    Isa::F sum = Isa::load(out + d) * Isa::set1(rescale);
    for (Index slot = seen.first; slot < seen.stop; ++slot)
      sum = Isa::fma(Isa::set1(scores[slot]), Isa::load(values + slot * head_dim + d), sum);
    Isa::store(out + d, sum);
  }
}

// One token and one KV head: all query heads that share it, so that each key is read once.
template <class Cached>
GPTOSS_INLINE void attend(const Attention<Cached>& a, Index token, Index kv_head) {
  alignas(64) float key_scratch[kMaxPageSize * kMaxHeadDim];
  alignas(64) float value_scratch[kMaxPageSize * kMaxHeadDim];
  alignas(64) float scores[kMaxPageSize];
  const Index group = a.heads / a.kv_heads;
  const Index padded = (a.page_size + Isa::kLanes - 1) / Isa::kLanes * Isa::kLanes;
  const Index position = static_cast<Index>(a.positions[token]);
  const Index start = a.window > 0 && position + 1 > a.window ? position + 1 - a.window : 0;
  const std::int32_t* table = a.page_table + a.sequence_index[token] * a.max_pages;
  const Index page_values = a.page_size * a.head_dim;
  float* out = a.out + (token * a.heads + kv_head * group) * a.head_dim;
  const float* query = a.query + (token * a.heads + kv_head * group) * a.head_dim;

  for (Index i = 0; i < group * a.head_dim; ++i) out[i] = 0.0f;
  Running run[kMaxGroup];
  // The sink can be the largest logit, so it opens the running maximum; its own weight is exp(0).
  for (Index q = 0; q < group; ++q) run[q] = {a.sinks[kv_head * group + q], 1.0f};

  for (Index page = start / a.page_size; page <= position / a.page_size; ++page) {
    const Index origin = page * a.page_size;
    const Visible seen = {start > origin ? start - origin : 0,
                          position + 1 - origin < a.page_size ? position + 1 - origin : a.page_size};
    const Cached* stored = a.pages + (table[page] * 2 * a.kv_heads + kv_head) * page_values;
    const float* keys = as_floats(stored, key_scratch, seen.stop * a.head_dim);
    const float* values = as_floats(stored + a.kv_heads * page_values, value_scratch, seen.stop * a.head_dim);
    for (Index q = 0; q < group; ++q) {
      score_page(query + q * a.head_dim, keys, seen, padded, a.head_dim, a.scale, scores);
      add_page(run[q], scores, values, seen, padded, a.head_dim, out + q * a.head_dim);
    }
  }
  for (Index q = 0; q < group; ++q)
    for (Index d = 0; d < a.head_dim; ++d) out[q * a.head_dim + d] /= run[q].total;
}

template <class Cached>
void attention(const Attention<Cached>& a, Index begin, Index end) {
  for (Index item = begin; item < end; ++item) attend(a, item / a.kv_heads, item % a.kv_heads);
}

}  // namespace
}  // namespace gptoss
