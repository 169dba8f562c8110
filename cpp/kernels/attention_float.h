// Attention over cached floats and bfloat16: one product after the other in floats, or where the processor multiplies
// bfloat16 in pairs, as they are cached.
#pragma once

#include "kernels/attention_tile.h"

namespace gptoss {
namespace {

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

// Queries and weights as floats.
template <class Cached>
struct FloatOperands {
  static constexpr float kLogit = 1.0f;
  const float* query;
  const float* weights;
  float scale;

  GPTOSS_METHOD void take(const float* queries, const Attention<Cached>& a, Index) {
    query = queries;
    scale = a.scale;
  }
  template <int Heads>
  GPTOSS_METHOD void score(const HeadPages<Cached>& pages, Index page, Index q, Ahead ahead, float* scores) const {
    const Index head_dim = pages.a.head_dim;
    score_page<Heads>(query + q * head_dim, pages.keys(page), pages.a.page_size, head_dim, scale, ahead, scores);
  }
  GPTOSS_METHOD void weigh(const HeadPages<Cached>&, Index, Span seen, Index group, Running* run, float* scores,
                           float* rescale) {
    weights = scores;
    raise_largest(run, scores, seen, group, rescale);
    for (Index first = 0; first < group; first += kWeighedHeads)
      with_constant<kWeighedHeads>(group - first, [&](auto heads) {
        float* own = scores + first * kTile;
        weigh_heads<heads>(run + first, own, seen, rescale + first, [own](Index q, Index slot, Isa::F weight) {
          Isa::store(own + q * kTile + slot, weight);
          return weight;
        });
      });
  }
  template <int Heads>
  GPTOSS_METHOD void add(const HeadPages<Cached>& pages, Index origin, Span seen, Index q, const float* rescale,
                         float* out) const {
    add_values<Heads>(weights + q * kTile, rescale, pages, origin, seen, out);
  }
};

// Queries and weights rounded to bfloat16.
template <class Simd>
struct PairOperands {
  static constexpr float kLogit = 1.0f;
  alignas(64) Bf16 query[kMaxGroup * kMaxHeadDim];
  alignas(64) Bf16 weights[kMaxGroup * kTile];
  float scale;

  GPTOSS_METHOD void take(const float* queries, const Attention<Bf16>& a, Index group) {
    for (Index i = 0; i < group * a.head_dim; i += Isa::kLanes) Isa::store(query + i, Isa::load(queries + i));
    scale = a.scale;
  }
  template <int Heads>
  GPTOSS_METHOD void score(const HeadPages<Bf16>& pages, Index page, Index q, Ahead ahead, float* scores) const {
    const Index head_dim = pages.a.head_dim;
    for (Index slot = 0; slot < pages.a.page_size; slot += kPairRow)
      score_pairs<Simd, Heads>(query + q * head_dim, pages.keys(page), pages.a.page_size, head_dim, scale, slot, ahead,
                               scores);
  }
  GPTOSS_METHOD void weigh(const HeadPages<Bf16>&, Index, Span seen, Index group, Running* run, float* scores,
                           float* rescale) {
    raise_largest(run, scores, seen, group, rescale);
    for (Index first = 0; first < group; first += kWeighedHeads)
      with_constant<kWeighedHeads>(group - first, [&](auto heads) {
        Bf16* own = weights + first * kTile;
        // What is divided by in the end is the sum of what was multiplied by.
        weigh_heads<heads>(run + first, scores + first * kTile, seen, rescale + first,
                           [own](Index q, Index slot, Isa::F weight) {
                             Isa::store(own + q * kTile + slot, weight);
                             return Isa::load(own + q * kTile + slot);
                           });
      });
  }
  template <int Heads>
  GPTOSS_METHOD void add(const HeadPages<Bf16>& pages, Index origin, Span seen, Index q, const float* rescale,
                         float* out) const {
    for (Index d = 0; d < pages.a.head_dim; d += kPairRow)
      value_pairs<Simd, Heads>(weights + q * kTile, rescale, pages, origin, seen, d, out);
  }
};

}  // namespace
}  // namespace gptoss
