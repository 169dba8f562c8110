// The list of kernels that only training needs: gradients of inputs, and attention that remembers its softmax. A table
// of its own, so that what only infers owes none of it. The rules of kernels.h hold: no element's sum depends on how
// the work is cut.
#pragma once

#include "kernels.h"

namespace gptoss {

// Attention within samples that lie one after the other and do not see each other. Queries, keys and values are
// rotated.
struct SampleAttention {
  const float* qkv;            // (tokens, heads + 2 * kv_heads, head_dim)
  const std::int32_t* starts;  // (samples + 1) where each sample begins; the last is `tokens`
  const float* sinks;          // (heads)
  float* out;                  // (tokens, heads, head_dim)
  float* log_sums;             // (tokens, heads): log of the sum of exponentials of scores, the sink's included
  Index tokens, samples, heads, kv_heads, head_dim;
  Index window;  // keys seen, the query's own included; 0 = all
  float scale;
};

// Its gradients. `of.out` and `of.log_sums` are what the forward pass made.
struct SampleAttentionGradient {
  SampleAttention of;
  const float* d_out;  // (tokens, heads, head_dim)
  float* shares;       // (tokens, heads): d_out times out, summed over head_dim
  float* d_qkv;        // as qkv
  float* d_sinks;      // (heads)
};

// c += a b, in floats: a has the elements a[i * a_row + k * a_step], so also those of a transpose; rows of b and c have
// neighbours, `columns`, a multiple of kGroup.
struct FloatProduct {
  const float* a;
  Index a_row, a_step;
  const float* b;
  Index b_stride;
  float* c;
  Index c_stride, rows, columns, steps;
};

// A piece of a product, in rows and columns: some tens of microseconds where there are some hundred steps.
inline constexpr Index kPieceRows = 48, kPieceColumns = 128;

inline Index column_pieces(const FloatProduct& p) { return (p.columns + kPieceColumns - 1) / kPieceColumns; }

inline Index num_pieces(const FloatProduct& p) { return (p.rows + kPieceRows - 1) / kPieceRows * column_pieces(p); }

// Tokens of one piece of attention, so that with the query heads of a KV head they are so many rows at most.
inline constexpr Index kSampleRows = 256;

// [begin, end) counts what the kernel's comment names.
struct TrainingKernels {
  // Blocks of inputs: products of rows of out-features with packed weights (out, in), of `in_blocks` blocks.
  void (*mxfp4_transposed_f32)(const Product<float>&, const PackedMxfp4&, Index in_blocks, Index begin, Index end);
  void (*mxfp4_transposed_bf16)(const Product<Bf16>&, const PackedMxfp4&, Index in_blocks, Index begin, Index end);
  void (*int8_transposed)(const Product<float>&, const PackedInt8&, Index in_blocks, Index begin, Index end);
  // The same with weight (out, in) as stored.
  void (*bf16_transposed)(const Product<float>&, const Bf16* weight, Index in_blocks, Index begin, Index end);
  // Pieces.
  void (*add_product)(const FloatProduct&, Index begin, Index end);
  // Rows: the gradient of gate_up, interleaved, of that of swiglu's output (rows, width).
  void (*swiglu_gradient)(const float* gate_up, const float* d_out, float* d_gate_up, Index width, Swiglu, Index begin,
                          Index end);
  // KV heads x pieces of tokens.
  void (*sample_attention)(const SampleAttention&, Index begin, Index end);
  // Tokens; heads; samples x KV heads: shares, gradients of sinks, gradients of queries, keys and values, in that
  // order.
  void (*attention_shares)(const SampleAttentionGradient&, Index begin, Index end);
  void (*sink_gradient)(const SampleAttentionGradient&, Index begin, Index end);
  void (*sample_attention_gradient)(const SampleAttentionGradient&, Index begin, Index end);
};

// Tokens of a piece of attention.
inline Index piece_tokens(const SampleAttention& a) {
  const Index tokens = kSampleRows / (a.heads / a.kv_heads);
  return tokens > 0 ? tokens : 1;
}

inline Index num_pieces(const SampleAttention& a) { return (a.tokens + piece_tokens(a) - 1) / piece_tokens(a); }

}  // namespace gptoss
