// Grouped-query attention over pages, with one sink per query head, full or within a window.
//
// A query goes through its sequence in order, a tile of kTile positions at a time, by running maximum and sum, and
// never touches a page outside its window. All query heads of a KV head go together, so that each key and value is read
// once. Where a tile begins depends on positions alone, so a query's sums are the same in a prefill, a decode or a
// batch.
#pragma once

#include "kernels/attention_float.h"
#include "kernels/attention_int8.h"

namespace gptoss {
namespace {

// One token and one KV head: all query heads that share it. `Operands` are queries and weights as keys and values take
// them.
template <class Operands, class Cached>
void attend(const Attention<Cached>& a, Index token, Index kv_head) {
  alignas(64) float scores[kMaxGroup * kTile];
  Operands operands;
  alignas(64) float rescale[kMaxGroup] = {};
  Running run[kMaxGroup];
  const Index group = a.heads / a.kv_heads;
  const Index position = static_cast<Index>(a.positions[token]);
  const Index start = a.window > 0 && position + 1 > a.window ? position + 1 - a.window : 0;
  const HeadPages<Cached> pages = {a, a.page_table + a.sequence_index[token] * a.max_pages, kv_head,
                                   a.page_size * (a.head_dim + kScaleBytes<Cached>)};
  float* out = a.out + (token * a.heads + kv_head * group) * a.head_dim;

  for (Index i = 0; i < group * a.head_dim; ++i) out[i] = 0.0f;
  operands.take(a.query + (token * a.query_heads + kv_head * group) * a.head_dim, a, group);
  // The sink can be the largest logit, so it opens the running maximum; its own weight is 1.
  for (Index q = 0; q < group; ++q) run[q] = {a.sinks[kv_head * group + q] * Operands::kLogit, 1.0f};

  const Index last_page = position / a.page_size;
  for (Index origin = start / kTile * kTile; origin <= position; origin += kTile) {
    const Span seen = {start > origin ? start - origin : 0,
                       position + 1 - origin < kTile ? position + 1 - origin : kTile};
    for (Index page = (origin + seen.first) / a.page_size; page * a.page_size < origin + seen.stop; ++page) {
      float* page_scores = scores + (page * a.page_size - origin);
      const Ahead ahead = {pages.values(page), pages.keys(page < last_page ? page + 1 : page)};
      for (Index q = 0; q < group; q += kTileHeads)
        with_constant<kTileHeads>(group - q, [&](auto heads) {
          operands.template score<heads>(pages, page, q, ahead, page_scores + q * kTile);
        });
    }
    operands.weigh(pages, origin, seen, group, run, scores, rescale);
    for (Index q = 0; q < group; q += kTileHeads)
      with_constant<kTileHeads>(group - q, [&](auto heads) {
        operands.template add<heads>(pages, origin, seen, q, rescale + q, out + q * a.head_dim);
      });
  }
  for (Index q = 0; q < group; ++q)
    for (Index d = 0; d < a.head_dim; ++d) out[q * a.head_dim + d] /= run[q].total;
}

// One KV head after the other, so that its keys and values stay in the cache from token to token.
template <class Operands, class Cached>
void attend_all(const Attention<Cached>& a, Index begin, Index end) {
  for (Index item = begin; item < end; ++item) attend<Operands>(a, item % a.tokens, item / a.tokens);
}

template <class Cached>
void attention(const Attention<Cached>& a, Index begin, Index end) {
  if constexpr (std::is_same_v<Cached, std::int8_t>)
    attend_all<WholeOperands>(a, begin, end);
  else
    attend_all<FloatOperands<Cached>>(a, begin, end);
}

// Multiplies keys and values in pairs, as they are cached; null where an instruction set has no such product.
template <class Simd>
constexpr auto attention_in_pairs() -> void (*)(const Attention<Bf16>&, Index, Index) {
  if constexpr (Simd::kHasBf16Dot)
    return attend_all<PairOperands<Simd>, Bf16>;
  else
    return nullptr;
}

}  // namespace
}  // namespace gptoss
