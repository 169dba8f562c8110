// The list of kernels: one table of function pointers per instruction set.
//
// A kernel works on the part of the output that its arguments name, on the calling thread; threads.h divides the
// work. Every output element is summed in one order that depends neither on the other elements asked for nor on
// their number, so results are the same bit for bit however the work is cut. Kernels neither allocate nor fail:
// bindings.cpp has checked every shape.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gptoss {

using Index = std::ptrdiff_t;

// A bfloat16 by its bits: the upper half of a float.
struct Bf16 {
  std::uint16_t bits;
};

// Inputs of a matrix product are cut into blocks of this many values: the MXFP4 block.
inline constexpr Index kBlock = 32;

// The left side and the output of a matrix product: entry i multiplies row rows[i] of x and fills row i of out.
template <class Act>
struct Product {
  const Act* x;              // (any, in)
  const std::int32_t* rows;  // (entries), or null: entry i uses row i
  Index num_entries;
  Index in;           // a multiple of kBlock
  const float* bias;  // (out features), or null
  float* out;         // (entries, out_stride)
  Index out_stride;
};

// MXFP4 weights of one expert: (out, in / 32, 16) bytes, low nibble first, and (out, in / 32) E8M0 scales.
struct Mxfp4Weights {
  const std::uint8_t* blocks;
  const std::uint8_t* scales;
};

// Grouped-query attention over cached pages; each query attends to its own sequence.
template <class Cached>
struct Attention {
  const float* query;                  // (tokens, heads, head_dim)
  const Cached* pages;                 // (pages, 2, kv_heads, page_size, head_dim); 0 = keys, 1 = values
  const std::int32_t* page_table;      // (sequences, max_pages)
  const std::int32_t* sequence_index;  // (tokens)
  const std::int64_t* positions;       // (tokens)
  const float* sinks;                  // (heads)
  float* out;                          // (tokens, heads, head_dim)
  Index heads, kv_heads, head_dim, page_size, max_pages;
  Index window;  // keys seen, the query's own included; 0 = all
  float scale;
};

// Keys and values of new tokens, (tokens, kv_heads, head_dim), and where they go: slot = page * page_size + offset.
template <class Cached>
struct NewKeyValues {
  const float* keys;
  const float* values;
  Cached* pages;              // as in Attention
  const std::int64_t* slots;  // (tokens)
  Index kv_heads, head_dim, page_size;
};

// Products of one round of `multiply`: enough to hide their latency, few enough for the registers.
inline constexpr Index kPeakProducts = 12;

// Bounds of the attention kernel's scratch, which lies on the stack.
inline constexpr Index kMaxPageSize = 128;
inline constexpr Index kMaxHeadDim = 128;
inline constexpr Index kMaxGroup = 64;  // query heads a KV head

// [begin, end) counts what the kernel's comment names.
struct Kernels {
  const char* name;
  // Whether products are faster with bfloat16 activations than with the same values as floats.
  bool has_bf16_dot;

  // Values; round to nearest, ties to even, NaN stays NaN.
  void (*to_bf16)(const float* x, Bf16* out, Index begin, Index end);
  void (*round_to_bf16)(const float* x, float* out, Index begin, Index end);
  // Rows of (rows, width): x / sqrt(mean(x^2) + eps) * weight.
  void (*rms_norm)(const float* x, const float* weight, float* out, Index width, float eps, Index begin, Index end);
  // Output features of weight (out, in).
  void (*matmul_f32)(const Product<float>&, const Bf16* weight, Index begin, Index end);
  void (*matmul_bf16)(const Product<Bf16>&, const Bf16* weight, Index begin, Index end);
  // Output features of MXFP4 weight (out, in).
  void (*mxfp4_matmul_f32)(const Product<float>&, const Mxfp4Weights&, Index begin, Index end);
  void (*mxfp4_matmul_bf16)(const Product<Bf16>&, const Mxfp4Weights&, Index begin, Index end);
  // Output features, a multiple of kBlock apart, of weight (in, out): in-features first.
  void (*input_major_matmul_f32)(const Product<float>&, const Bf16* weight, Index out, Index begin, Index end);
  void (*input_major_matmul_bf16)(const Product<Bf16>&, const Bf16* weight, Index out, Index begin, Index end);
  // Rows of (rows, 2 * width), gate and up interleaved, to (rows, width).
  void (*swiglu)(const float* gate_up, float* out, Index width, float alpha, float limit, Index begin, Index end);
  // Rows of (rows, experts): the k largest, ties to the lower id, and the softmax over them.
  void (*route)(const float* logits, std::int32_t* ids, float* weights, Index experts, Index k, Index begin, Index end);
  // Rows of out (rows, width): += sum over j of weights[row][j] * expert_out[entries[row][j]].
  void (*combine)(const float* expert_out, const std::int32_t* entries, const float* weights, float* out, Index k,
                  Index width, Index begin, Index end);
  // Tokens of x (tokens, heads, head_dim), rotated in place, halves split; cos, sin (tokens, head_dim / 2).
  void (*rope)(float* x, const float* cos, const float* sin, Index heads, Index head_dim, Index begin, Index end);
  // Tokens.
  void (*store_kv_f32)(const NewKeyValues<float>&, Index begin, Index end);
  void (*store_kv_bf16)(const NewKeyValues<Bf16>&, Index begin, Index end);
  // What the machine can do at most (probe.h).
  std::uint64_t (*read_words)(const std::uint64_t* words, Index begin, Index end);
  float (*multiply_f32)(Index rounds);
  float (*multiply_bf16)(Index rounds);
  // Tokens x kv_heads.
  void (*attention_f32)(const Attention<float>&, Index begin, Index end);
  void (*attention_bf16)(const Attention<Bf16>&, Index begin, Index end);
};

}  // namespace gptoss
