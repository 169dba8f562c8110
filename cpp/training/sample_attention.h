// Grouped-query attention within samples, with one sink per query head: for training, which wants the logarithm of the
// softmax's sum, so that gradients need no array of tokens by tokens.
//
// The query heads of a KV head are rows of one matrix: a row for each token and head. A tile of scores has kSampleTile
// rows and as many keys. Tiles of keys are counted from the sample's beginning, so a token's sums do not depend on what
// samples lie beside its own.
#pragma once

#include "kernels/attention_tile.h"
#include "training/tile_product.h"
#include "training_kernels.h"

namespace gptoss {
namespace {

// Rows, and keys, of a tile: its scores are 16 kB, and the products around it read each operand 64 times.
constexpr Index kSampleTile = 64;
static_assert(kMaxGroup <= kSampleTile && kSampleRows % kSampleTile == 0);

// Where the vectors of one KV head lie.
struct HeadRows {
  const SampleAttention& a;
  Index kv_head;

  GPTOSS_METHOD Index group() const { return a.heads / a.kv_heads; }
  GPTOSS_METHOD Index stride() const { return (a.heads + 2 * a.kv_heads) * a.head_dim; }
  GPTOSS_METHOD Index query(Index token) const { return token * stride() + kv_head * group() * a.head_dim; }
  GPTOSS_METHOD Index key(Index token) const { return token * stride() + (a.heads + kv_head) * a.head_dim; }
  GPTOSS_METHOD Index value(Index token) const { return key(token) + a.kv_heads * a.head_dim; }
  // Of arrays (tokens, heads).
  GPTOSS_METHOD Index row(Index token) const { return token * a.heads + kv_head * group(); }
};

// Tokens [begin, end) of a sample.
struct Sample {
  Index begin, end;
};

GPTOSS_INLINE Sample sample_at(const SampleAttention& a, Index token) {
  Index sample = 0;
  while (a.starts[sample + 1] <= token) ++sample;
  return {a.starts[sample], a.starts[sample + 1]};
}

// The first key that a token sees.
GPTOSS_INLINE Index first_seen(const SampleAttention& a, Sample sample, Index token) {
  const Index first = a.window > 0 ? token + 1 - a.window : sample.begin;
  return first > sample.begin ? first : sample.begin;
}

// Which of `count` keys from `key` on a token sees.
GPTOSS_INLINE Span seen_of(const SampleAttention& a, Sample sample, Index token, Index key, Index count) {
  const Index first = first_seen(a, sample, token) - key, stop = token + 1 - key;
  return {first > 0 ? first : 0, stop < count ? stop : count};
}

// `count` vectors of head_dim, `stride` apart, as columns of (head_dim, kSampleTile); other columns are zero.
GPTOSS_INLINE void transpose(const float* rows, Index stride, Index count, Index head_dim, float* out) {
  for (Index d = 0; d < head_dim; ++d) {
    for (Index i = 0; i < count; ++i) out[d * kSampleTile + i] = rows[i * stride + d];
    for (Index i = count; i < kSampleTile; ++i) out[d * kSampleTile + i] = 0.0f;
  }
}

// The vectors of `tokens` tokens and of a group's heads, times `factor`, one after the other.
GPTOSS_INLINE void gather(const float* from, Index stride, Index tokens, Index width, float factor, float* out) {
  for (Index token = 0; token < tokens; ++token)
    for (Index i = 0; i < width; i += Isa::kLanes)
      Isa::store(out + token * width + i, Isa::load(from + token * stride + i) * Isa::set1(factor));
}

GPTOSS_INLINE void clear(float* p, Index count) { std::memset(p, 0, sizeof(float) * static_cast<std::size_t>(count)); }

// ln x for x >= 1: two steps of Halley's, each of which cubes the error, from the first one's 0.06.
GPTOSS_INLINE Isa::F log(Isa::F x) {
  const Isa::I bits = (Isa::I)x, exponent = (bits >> 23) - 127;
  const Isa::F mantissa = (Isa::F)((bits & 0x007fffff) | 0x3f800000);
  Isa::F y = (__builtin_convertvector(exponent, Isa::F) + mantissa - Isa::set1(1.0f)) * Isa::set1(0.69314718f);
  GPTOSS_UNROLL for (int i = 0; i < 2; ++i) {
    const Isa::F e = exp(y);
    y = y - Isa::set1(2.0f) * (e - x) / (e + x);
  }
  return y;
}

// Tokens [first, stop) of a sample, and one KV head.
struct Attended {
  alignas(64) float query[kSampleRows * kMaxHeadDim];
  alignas(64) float sum[kSampleRows * kMaxHeadDim];
  alignas(64) float keys[kMaxHeadDim * kSampleTile];
  alignas(64) float scores[kSampleTile * kSampleTile];
  alignas(64) float largest[kSampleRows], total[kSampleRows];

  // Turns a row's scores into weights, and its sums so far into such of the same largest score.
  GPTOSS_METHOD void weigh(Index row, float* of_row, Span seen, Index head_dim) {
    if (seen.first >= seen.stop) return clear(of_row, kSampleTile);
    const float nothing = -bits_to_float(0x7f800000u);
    for (Index i = 0; i < seen.first; ++i) of_row[i] = nothing;
    for (Index i = seen.stop; i < kSampleTile; ++i) of_row[i] = nothing;
    Isa::F top = Isa::set1(largest[row]);
    for (Index i = 0; i < kSampleTile; i += Isa::kLanes) top = Isa::max(Isa::load(of_row + i), top);
    const float now = largest_lane(top);
    Isa::F weights{};
    for (Index i = 0; i < kSampleTile; i += Isa::kLanes) {
      const Isa::F weight = exp_down(Isa::load(of_row + i) - Isa::set1(now));
      Isa::store(of_row + i, weight);
      weights = weights + weight;
    }
    const float rescale = now > largest[row] ? exp(largest[row] - now) : 1.0f;
    if (now > largest[row])
      for (Index d = 0; d < head_dim; d += Isa::kLanes)
        Isa::store(sum + row * head_dim + d, Isa::load(sum + row * head_dim + d) * Isa::set1(rescale));
    total[row] = total[row] * rescale + lane_sum(weights);
    largest[row] = now;
  }

  GPTOSS_METHOD void add_keys(const HeadRows& head, Sample sample, Index first, Index stop, Index key) {
    const SampleAttention& a = head.a;
    const Index group = head.group(), dim = a.head_dim, tokens = kSampleTile / group;
    const Index count = stop - key < kSampleTile ? stop - key : kSampleTile;
    transpose(a.qkv + head.key(key), head.stride(), count, dim, keys);
    for (Index token = first; token < stop; token += tokens) {
      const Index end = token + tokens < stop ? token + tokens : stop, rows = (end - token) * group;
      if (end <= key || first_seen(a, sample, token) >= key + count) continue;
      const Index row = (token - first) * group;
      clear(scores, rows * kSampleTile);
      add_product(Left{query + row * dim, dim, 1}, Right{keys, kSampleTile}, scores, kSampleTile, rows, kSampleTile,
                  dim);
      for (Index i = 0; i < rows; ++i)
        weigh(row + i, scores + i * kSampleTile, seen_of(a, sample, token + i / group, key, count), dim);
      add_product(Left{scores, kSampleTile, 1}, Right{a.qkv + head.value(key), head.stride()}, sum + row * dim, dim,
                  rows, dim, count);
    }
  }

  GPTOSS_METHOD void attend(const HeadRows& head, Sample sample, Index first, Index stop) {
    const SampleAttention& a = head.a;
    const Index group = head.group(), dim = a.head_dim, rows = (stop - first) * group;
    gather(a.qkv + head.query(first), head.stride(), stop - first, group * dim, a.scale, query);
    clear(sum, rows * dim);
    for (Index i = 0; i < kSampleRows; ++i) {
      // The sink can be the largest logit, so it opens the running maximum; its own weight is 1.
      largest[i] = a.sinks[head.kv_head * group + i % group];
      total[i] = 1.0f;
    }
    const Index seen = first_seen(a, sample, first) - sample.begin;
    for (Index key = sample.begin + seen / kSampleTile * kSampleTile; key < stop; key += kSampleTile)
      add_keys(head, sample, first, stop, key);
    for (Index i = 0; i < rows; i += Isa::kLanes)
      Isa::store(largest + i, Isa::load(largest + i) + log(Isa::load(total + i)));
    for (Index i = 0; i < rows; ++i) {
      const Index to = head.row(first + i / group) + i % group;
      a.log_sums[to] = largest[i];
      for (Index d = 0; d < dim; d += Isa::kLanes)
        Isa::store(a.out + to * dim + d, Isa::load(sum + i * dim + d) / Isa::set1(total[i]));
    }
  }
};

// KV heads x pieces of tokens.
void sample_attention(const SampleAttention& a, Index begin, Index end) {
  Attended attended;
  const Index pieces = num_pieces(a), tokens = piece_tokens(a);
  for (Index item = begin; item < end; ++item) {
    const HeadRows head = {a, item / pieces};
    const Index from = item % pieces * tokens, to = from + tokens < a.tokens ? from + tokens : a.tokens;
    for (Index first = from; first < to;) {
      const Sample sample = sample_at(a, first);
      const Index stop = sample.end < to ? sample.end : to;
      attended.attend(head, sample, first, stop);
      first = stop;
    }
  }
}

}  // namespace
}  // namespace gptoss
