// The gradients of attention within samples (sample_attention.h). Weights are made again of scores and the logarithm of
// their sum. A KV head of a sample is one piece of work: its keys, values and queries are no other's, so that every
// gradient is summed in one order: over tiles of keys, and in each over tiles of queries.
//
// With weights p, their gradients d_p = d_out v and the share s = d_out . out of a query, scores have the gradient
// p (d_p - s), and its sink, whose value is zero, - p s.
#pragma once

#include "training/sample_attention.h"

namespace gptoss {
namespace {

// Tokens [begin, end).
void attention_shares(const SampleAttentionGradient& g, Index begin, Index end) {
  const Index heads = g.of.heads, dim = g.of.head_dim;
  for (Index row = begin * heads; row < end * heads; ++row) {
    Isa::F sum{};
    for (Index d = 0; d < dim; d += Isa::kLanes)
      sum = Isa::fma(Isa::load(g.d_out + row * dim + d), Isa::load(g.of.out + row * dim + d), sum);
    g.shares[row] = lane_sum(sum);
  }
}

// Heads [begin, end).
void sink_gradient(const SampleAttentionGradient& g, Index begin, Index end) {
  const Index heads = g.of.heads;
  for (Index head = begin; head < end; ++head) {
    double sum = 0;
    for (Index token = 0; token < g.of.tokens; ++token) {
      const Index row = token * heads + head;
      sum -= double{exp(g.of.sinks[head] - g.of.log_sums[row])} * double{g.shares[row]};
    }
    g.d_sinks[head] = static_cast<float>(sum);
  }
}

struct AttendedGradient {
  alignas(64) float keys[kMaxHeadDim * kSampleTile];
  alignas(64) float values[kMaxHeadDim * kSampleTile];
  alignas(64) float d_keys[kSampleTile * kMaxHeadDim];
  alignas(64) float d_values[kSampleTile * kMaxHeadDim];
  alignas(64) float query[kSampleTile * kMaxHeadDim];
  alignas(64) float d_query[kSampleTile * kMaxHeadDim];
  alignas(64) float d_out[kSampleTile * kMaxHeadDim];
  alignas(64) float weights[kSampleTile * kSampleTile];
  alignas(64) float d_scores[kSampleTile * kSampleTile];

  // Turns scores into weights, and gradients of weights into those of scores.
  GPTOSS_METHOD void weigh(float* of_row, float* d_row, Span seen, float log_sum, float share) {
    if (seen.first >= seen.stop) seen = {0, 0};
    for (Index i = 0; i < kSampleTile; i += Isa::kLanes) {
      const Isa::F weight = exp(Isa::load(of_row + i) - Isa::set1(log_sum));
      Isa::store(of_row + i, weight);
      Isa::store(d_row + i, weight * (Isa::load(d_row + i) - Isa::set1(share)));
    }
    // What is not seen may have had any score.
    for (Index i = 0; i < seen.first; ++i) of_row[i] = d_row[i] = 0.0f;
    for (Index i = seen.stop; i < kSampleTile; ++i) of_row[i] = d_row[i] = 0.0f;
  }

  GPTOSS_METHOD void add_queries(const SampleAttentionGradient& g, const HeadRows& head, Sample sample, Index token,
                                 Index end, Index key, Index count) {
    const SampleAttention& a = g.of;
    const Index group = head.group(), dim = a.head_dim, rows = (end - token) * group;
    gather(a.qkv + head.query(token), head.stride(), end - token, group * dim, a.scale, query);
    gather(g.d_out + head.row(token) * dim, a.heads * dim, end - token, group * dim, 1.0f, d_out);
    clear(weights, rows * kSampleTile);
    add_product(Left{query, dim, 1}, Right{keys, kSampleTile}, weights, kSampleTile, rows, kSampleTile, dim);
    clear(d_scores, rows * kSampleTile);
    add_product(Left{d_out, dim, 1}, Right{values, kSampleTile}, d_scores, kSampleTile, rows, kSampleTile, dim);
    for (Index i = 0; i < rows; ++i) {
      const Index row = head.row(token + i / group) + i % group;
      weigh(weights + i * kSampleTile, d_scores + i * kSampleTile, seen_of(a, sample, token + i / group, key, count),
            a.log_sums[row], g.shares[row]);
    }
    add_product(Left{weights, 1, kSampleTile}, Right{d_out, dim}, d_values, dim, count, dim, rows);
    add_product(Left{d_scores, 1, kSampleTile}, Right{query, dim}, d_keys, dim, count, dim, rows);
    clear(d_query, rows * dim);
    add_product(Left{d_scores, kSampleTile, 1}, Right{a.qkv + head.key(key), head.stride()}, d_query, dim, rows, dim,
                count);
    for (Index at = token; at < end; ++at) {
      float* out = g.d_qkv + head.query(at);
      for (Index i = 0; i < group * dim; i += Isa::kLanes)
        Isa::store(out + i, Isa::fma(Isa::load(d_query + (at - token) * group * dim + i), Isa::set1(a.scale),
                                     Isa::load(out + i)));
    }
  }

  GPTOSS_METHOD void add_keys(const SampleAttentionGradient& g, const HeadRows& head, Sample sample, Index key) {
    const SampleAttention& a = g.of;
    const Index dim = a.head_dim, stride = head.stride(), tokens = kSampleTile / head.group();
    const Index count = sample.end - key < kSampleTile ? sample.end - key : kSampleTile;
    transpose(a.qkv + head.key(key), stride, count, dim, keys);
    transpose(a.qkv + head.value(key), stride, count, dim, values);
    clear(d_keys, count * dim);
    clear(d_values, count * dim);
    const Index last =
        a.window > 0 && key + count - 1 + a.window < sample.end ? key + count - 1 + a.window : sample.end;
    for (Index token = sample.begin + (key - sample.begin) / tokens * tokens; token < last; token += tokens)
      add_queries(g, head, sample, token, token + tokens < sample.end ? token + tokens : sample.end, key, count);
    for (Index i = 0; i < count; ++i) {
      std::memcpy(g.d_qkv + head.key(key + i), d_keys + i * dim, sizeof(float) * static_cast<std::size_t>(dim));
      std::memcpy(g.d_qkv + head.value(key + i), d_values + i * dim, sizeof(float) * static_cast<std::size_t>(dim));
    }
  }
};

// Samples x KV heads.
void sample_attention_gradient(const SampleAttentionGradient& g, Index begin, Index end) {
  const SampleAttention& a = g.of;
  AttendedGradient attended;
  for (Index item = begin; item < end; ++item) {
    const HeadRows head = {a, item % a.kv_heads};
    const Sample sample = {a.starts[item / a.kv_heads], a.starts[item / a.kv_heads + 1]};
    for (Index token = sample.begin; token < sample.end; ++token)
      clear(g.d_qkv + head.query(token), head.group() * a.head_dim);
    for (Index key = sample.begin; key < sample.end; key += kSampleTile) attended.add_keys(g, head, sample, key);
  }
}

}  // namespace
}  // namespace gptoss
