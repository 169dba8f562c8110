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

// A block of activations in eight bits: value i is values[kInt8Order[i % 8] + i / 8 * 8] * scale.
struct Int8Block {
  std::int8_t values[kBlock];
  float scale;
  // What weights raised by 16 give too much, as a number to be added: - 16 times the sum of `values`, those whose place
  // modulo 4 is 0 or 1, and the others. Apart because AVX2 multiplies bytes by pairs.
  std::int16_t surplus[2];
};

// Where a packed MXFP4 lane's nibbles put eight neighbours when even and odd nibbles are taken apart (kernels/pack.h).
constexpr std::uint8_t kInt8Order[8] = {0, 2, 4, 6, 1, 3, 5, 7};

// Values in one element of a row of activations.
template <class Act>
inline constexpr Index kValues = 1;
template <>
inline constexpr Index kValues<Int8Block> = kBlock;

// gate * sigmoid(alpha * gate) * (up + 1), gate clamped above at limit, up on both sides.
struct Swiglu {
  float alpha = 0, limit = 0;
  bool is_wanted = false;
};

// The left side and the output of a matrix product: entry i multiplies row rows[i] of x and fills row i of out.
template <class Act>
struct Product {
  const Act* x;              // (any, in / kValues<Act>)
  const std::int32_t* rows;  // (entries), or null: entry i uses row i
  Index num_entries;
  Index in;           // a multiple of kBlock
  const float* bias;  // (out features), or null
  float* out;         // (entries, out_stride)
  Index out_stride;
  Swiglu swiglu = {};  // wanted, even features are gates, odd ones ups, and a pair makes one value of out
  bool adds = false;   // to what out has
};

// Weighted sums of what experts return: row t of out (any, width) += sum over j of weights[t][j] * x[entries[t][j]].
struct Combination {
  const float* x;               // (entries, width)
  const std::int32_t* entries;  // (any, k), as are weights
  const float* weights;
  float* out;
  Index first_row, last_row;  // [first_row, last_row)
  Index k, width;
};

// Packed weights have kGroup features side by side, so that a vector's lanes are features: their sums need no adding
// up across lanes, and a group's weights are one stretch of memory.
inline constexpr Index kGroup = 16;

// Tensors that features of one matrix may lie in by turns: a gate and an up projection.
inline constexpr Index kMostParts = 2;

// A block of Q8_0, as ggml has it: a half-precision scale, then so many signed bytes.
inline constexpr Index kQ80Bytes = 2 + kBlock;

// MXFP4: (out / 16, in / 32, 4, 16) words of eight nibbles. Word (z, f) has the inputs 8 z to 8 z + 7 of feature f, of
// which input 8 z + i lies in nibble i / 2 + 4 * (i % 2): pairs of neighbours are half a word apart, as the bfloat16
// product wants them. Scales E8M0, (out / 16, in / 32, 16). kernels/pack.h has it in code.
struct PackedMxfp4 {
  const std::uint8_t* blocks;
  const std::uint8_t* scales;
};

// MXFP4 as a checkpoint has it, for `experts` of `features` each, whole groups. Feature f is row f / num_parts of part
// f % num_parts. A block has sixteen bytes; the distances are those in bytes between the same of two blocks, rows and
// experts, for the bytes of blocks and for scales.
struct StoredMxfp4 {
  struct Part {
    const std::uint8_t* blocks;
    const std::uint8_t* scales;
  };
  struct Distances {
    Index block, row, expert;
  };
  Part parts[kMostParts];
  Distances of_blocks, of_scales;
  Index num_parts, experts, features, num_blocks;
  // Whether a byte has two neighbours, the first one low; else value j low and value j + 16 high.
  bool is_paired;
};

// Eight bits: (out / 16, in / 32, 8, 16, 4) bytes, value + 128, inputs in the order of Int8Block; the last group is
// filled up with zeros. Scales (out / 16, in / 32, 16).
struct PackedInt8 {
  const std::uint8_t* blocks;
  const Bf16* scales;
};

// Bytes of a scale that a cached key or value has, beside its elements.
template <class Cached>
inline constexpr Index kScaleBytes = 0;
template <>
inline constexpr Index kScaleBytes<std::int8_t> = sizeof(float);

// Grouped-query attention over cached pages; each query attends to its own sequence. A page of a head has its keys as
// (head_dim, page_size), so that a vector's lanes are keys, and its values as (page_size, head_dim). In eight bits what
// is summed over lies in pairs: keys (head_dim / 2, page_size, 2), values (page_size / 2, head_dim, 2). A float scale
// for each position follows, (page_size).
template <class Cached>
struct Attention {
  const float* query;                  // (tokens, query_heads, head_dim), of which the first `heads` are queries
  const Cached* pages;                 // (pages, 2, kv_heads, page_size * (head_dim + kScaleBytes)); keys, values
  const std::int32_t* page_table;      // (sequences, max_pages)
  const std::int32_t* sequence_index;  // (tokens)
  const std::int64_t* positions;       // (tokens)
  const float* sinks;                  // (heads)
  float* out;                          // (tokens, heads, head_dim)
  Index tokens, query_heads, heads, kv_heads, head_dim, page_size, max_pages;
  Index window;  // keys seen, the query's own included; 0 = all
  float scale;
};

// Queries, keys and values of new tokens, and where keys and values go: slot = page * page_size + offset.
template <class Cached>
struct NewTokens {
  float* qkv;        // (tokens, heads + 2 * kv_heads, head_dim): queries, keys, values
  const float* cos;  // (tokens, head_dim / 2), as is sin
  const float* sin;
  Cached* pages;              // as in Attention
  const std::int64_t* slots;  // (tokens)
  Index heads, kv_heads, head_dim, page_size;
};

// Products of one round of `multiply`: enough to hide their latency, few enough for the registers.
inline constexpr Index kPeakProducts = 12;

// Bounds of the attention kernel's scratch, which lies on the stack.
inline constexpr Index kMaxPageSize = 64;
// Positions whose scores are weighed together; a whole number of pages.
inline constexpr Index kTile = 128;
inline constexpr Index kMaxHeadDim = 128;
inline constexpr Index kMaxGroup = 64;  // query heads a KV head
inline constexpr Index kPageMultiple = 16;
// Values of a row that attention in pairs takes together with those of the next.
inline constexpr Index kPairRow = 32;

// [begin, end) counts what the kernel's comment names.
struct Kernels {
  const char* name;
  // Whether there are products of bfloat16 in pairs; else it is widened.
  bool has_bf16_dot;

  // Values; round to nearest, ties to even, NaN stays NaN.
  void (*to_bf16)(const float* x, Bf16* out, Index begin, Index end);
  void (*round_to_bf16)(const float* x, float* out, Index begin, Index end);
  // Half precision by its bits, and blocks of kQ80Bytes, rounded as to_bf16 does.
  void (*f16_to_bf16)(const std::uint16_t* x, Bf16* out, Index begin, Index end);
  void (*q8_0_to_bf16)(const std::uint8_t* blocks, Bf16* out, Index begin, Index end);
  // Blocks.
  void (*to_int8)(const float* x, Int8Block* out, Index begin, Index end);
  // Rows of (rows, width): x / sqrt(mean(x^2) + eps) * weight.
  void (*rms_norm)(const float* x, const float* weight, float* out, Index width, float eps, Index begin, Index end);
  // Output features of weight (out, in).
  void (*matmul_f32)(const Product<float>&, const Bf16* weight, Index begin, Index end);
  void (*matmul_bf16)(const Product<Bf16>&, const Bf16* weight, Index begin, Index end);
  // Output features of packed weights; begin is a multiple of kGroup.
  void (*mxfp4_matmul_f32)(const Product<float>&, const PackedMxfp4&, Index begin, Index end);
  void (*mxfp4_matmul_bf16)(const Product<Bf16>&, const PackedMxfp4&, Index begin, Index end);
  void (*mxfp4_matmul_int8)(const Product<Int8Block>&, const PackedMxfp4&, Index begin, Index end);
  void (*int8_matmul_f32)(const Product<float>&, const PackedInt8&, Index begin, Index end);
  void (*int8_matmul_bf16)(const Product<Bf16>&, const PackedInt8&, Index begin, Index end);
  void (*int8_matmul_int8)(const Product<Int8Block>&, const PackedInt8&, Index begin, Index end);
  // Groups of features, from a checkpoint's layout to the packed one; pack_int8 also rounds.
  void (*pack_mxfp4)(const StoredMxfp4&, std::uint8_t* out, std::uint8_t* out_scales, Index begin, Index end);
  void (*pack_int8)(const Bf16* weight, Index features, Index num_blocks, std::uint8_t* out, Bf16* scales, Index begin,
                    Index end);
  // Output features, a multiple of kBlock apart, of weight (in, out): in-features first.
  void (*input_major_matmul_f32)(const Product<float>&, const Bf16* weight, Index out, Index begin, Index end);
  void (*input_major_matmul_bf16)(const Product<Bf16>&, const Bf16* weight, Index out, Index begin, Index end);
  // Rows of (rows, 2 * width), gate and up interleaved, to (rows, width).
  void (*swiglu)(const float* gate_up, float* out, Index width, float alpha, float limit, Index begin, Index end);
  // Rows of (rows, experts): the k largest, ties to the lower id, and the softmax over them.
  void (*route)(const float* logits, std::int32_t* ids, float* weights, Index experts, Index k, Index begin, Index end);
  // Columns of the rows that `c` names.
  void (*combine)(const Combination& c, Index begin, Index end);
  // Tokens: rotates queries and keys, stores keys and values.
  void (*rope_store_f32)(const NewTokens<float>&, Index begin, Index end);
  void (*rope_store_bf16)(const NewTokens<Bf16>&, Index begin, Index end);
  void (*rope_store_int8)(const NewTokens<std::int8_t>&, Index begin, Index end);
  // What the machine can do at most (probe.h).
  std::uint64_t (*read_words)(const std::uint64_t* words, Index begin, Index end);
  float (*multiply_f32)(Index rounds);
  float (*multiply_bf16)(Index rounds);
  float (*multiply_int8)(Index rounds);
  // Kv_heads x tokens.
  void (*attention_f32)(const Attention<float>&, Index begin, Index end);
  void (*attention_bf16)(const Attention<Bf16>&, Index begin, Index end);
  // By queries and weights rounded to bfloat16, page_size and head_dim multiples of kPairRow; null without
  // has_bf16_dot.
  void (*attention_bf16_pairs)(const Attention<Bf16>&, Index begin, Index end);
  void (*attention_int8)(const Attention<std::int8_t>&, Index begin, Index end);
};

}  // namespace gptoss
