// The kernels of one instruction set spread over one thread pool: what Python sees as `Backend`.
#pragma once

#include "dispatch.h"
#include "threads.h"

namespace gptoss {

// The right side of a matrix product over experts: entries of expert e are offsets[e] .. offsets[e + 1].
template <class Act>
struct GroupedProduct {
  Product<Act> product;         // rows, bias and out for all entries and experts
  const std::int32_t* offsets;  // (experts + 1)
  Index experts, out;
};

// Which token goes to which expert, as entries sorted by expert, and within one in the order of tokens.
struct Assignment {
  const std::int32_t* ids;  // (tokens, k) expert of each choice
  std::int32_t* rows;       // (tokens * k) an entry's token
  std::int32_t* offsets;    // (experts + 1)
  std::int32_t* entries;    // (tokens, k) the entry of each choice
  Index tokens, k, experts;
};

// Where to put an output once more, rounded as the next product takes it: one of these, or none.
struct Rounded {
  Int8Block* int8 = nullptr;
  Bf16* bf16 = nullptr;
  float* floats = nullptr;
};

// What a product's inputs are rounded to.
enum class Rounding { kFloat, kBf16, kInt8 };

// Experts of a model, at most.
inline constexpr Index kMaxExperts = 1024;

class Backend {
 public:
  // `bf16_pairs`, which the kernels must have: whether bfloat16 is multiplied in pairs, or the same values as floats.
  Backend(const Kernels* kernels, bool bf16_pairs, int num_threads)
      : kernels_(kernels), bf16_pairs_(bf16_pairs), pool_(num_threads) {}

  const char* isa() const { return kernels_->name; }
  bool bf16_pairs() const { return bf16_pairs_; }
  // Whether attention over bfloat16 pages of this shape rounds queries and weights to bfloat16.
  bool attends_in_pairs(Index page_size, Index head_dim) const {
    return bf16_pairs_ && page_size % kPairRow == 0 && head_dim % kPairRow == 0;
  }
  int num_threads() const { return pool_.num_threads(); }
  const Kernels* kernels() const { return kernels_; }
  ThreadPool& pool() { return pool_; }

  void to_bf16(const float* x, Bf16* out, Index count);
  void to_bf16(const float* x, float* out, Index count);
  void f16_to_bf16(const std::uint16_t* x, Bf16* out, Index count);
  void q8_0_to_bf16(const std::uint8_t* stored, Bf16* out, Index blocks);
  void to_int8(const float* x, Int8Block* out, Index blocks);
  void rms_norm(const float* x, const float* weight, float* out, Index rows, Index width, float eps,
                const Rounded& rounded);
  template <class Act>
  void matmul(const Product<Act>& product, const Bf16* weight, Index out);
  template <class Act>
  void int8_matmul(const Product<Act>& product, const PackedInt8& weights, Index out);
  template <class Act>
  void mxfp4_matmul(const GroupedProduct<Act>& product, const PackedMxfp4& weights, const Rounded& rounded = {});
  // The product, and the weighted sums of its entries.
  template <class Act>
  void mxfp4_combine(const GroupedProduct<Act>& product, const PackedMxfp4& weights, const Combination& combination);
  void pack_mxfp4(const StoredMxfp4& stored, std::uint8_t* out, std::uint8_t* out_scales);
  void pack_int8(const Bf16* weight, Index features, Index num_blocks, std::uint8_t* out, Bf16* scales);
  template <class Act>
  void expert_matmul(const GroupedProduct<Act>& product, const Bf16* weight);
  void swiglu(const float* gate_up, float* out, Index rows, Index width, float alpha, float limit,
              const Rounded& rounded);
  void route(const float* logits, std::int32_t* ids, float* weights, Index tokens, Index experts, Index k);
  void assign(const Assignment& assignment);
  void combine(const Combination& combination);
  template <class Cached>
  void rope_store(const NewTokens<Cached>& new_tokens, Index tokens);
  template <class Cached>
  void attention(const Attention<Cached>& attention, const Rounded& rounded);
  std::uint64_t read_words(const std::uint64_t* words, Index count);
  // Floating-point operations that were done, `rounds` rounds on each thread.
  double multiply(Index rounds, Rounding rounding);

 private:
  void round(const float* x, const Rounded& rounded, Index count);
  template <class Act, class Piece>
  void run_experts(const GroupedProduct<Act>& grouped, Index grain, const Piece& piece);

  const Kernels* kernels_;
  bool bf16_pairs_;
  ThreadPool pool_;
};

}  // namespace gptoss
