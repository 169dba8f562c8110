#include "backend.h"

#include <algorithm>
#include <atomic>
#include <type_traits>

namespace gptoss {
namespace {

// Pieces this small take some tens of microseconds, which outweighs handing them out.
constexpr Index kValuesPerPiece = 32768;
// Output features a piece of a matrix product: at 2880 inputs 170 kB of bfloat16, a fraction of a second-level cache.
constexpr Index kFeaturesPerPiece = 32;
// Of a product so small that all its features were one piece.
constexpr Index kFewFeaturesPerPiece = 4;
static_assert(kFeaturesPerPiece % kBlock == 0, "the input-major product works on whole blocks of features");
// Of a packed product: a whole number of panels.
constexpr Index kPackedFeaturesPerPiece = 64;
// Entries of all experts whose products and weighted sums are made together: each expert's are then few, and their
// inputs need not be kept in the cache from piece to piece.
constexpr Index kMostCombinedEntries = 128;

Index rows_per_piece(Index width) { return width < kValuesPerPiece ? kValuesPerPiece / width : 1; }

auto kernel(const Kernels* k, const Product<float>*) { return k->matmul_f32; }
auto kernel(const Kernels* k, const Product<Bf16>*) { return k->matmul_bf16; }
auto mxfp4_kernel(const Kernels* k, const Product<float>*) { return k->mxfp4_matmul_f32; }
auto mxfp4_kernel(const Kernels* k, const Product<Bf16>*) { return k->mxfp4_matmul_bf16; }
auto mxfp4_kernel(const Kernels* k, const Product<Int8Block>*) { return k->mxfp4_matmul_int8; }
auto int8_kernel(const Kernels* k, const Product<float>*) { return k->int8_matmul_f32; }
auto int8_kernel(const Kernels* k, const Product<Bf16>*) { return k->int8_matmul_bf16; }
auto int8_kernel(const Kernels* k, const Product<Int8Block>*) { return k->int8_matmul_int8; }
auto input_major_kernel(const Kernels* k, const Product<float>*) { return k->input_major_matmul_f32; }
auto input_major_kernel(const Kernels* k, const Product<Bf16>*) { return k->input_major_matmul_bf16; }
auto rope_store_kernel(const Kernels* k, const float*) { return k->rope_store_f32; }
auto rope_store_kernel(const Kernels* k, const Bf16*) { return k->rope_store_bf16; }
auto rope_store_kernel(const Kernels* k, const std::int8_t*) { return k->rope_store_int8; }
auto attention_kernel(const Kernels* k, const float*) { return k->attention_f32; }
auto attention_kernel(const Kernels* k, const Bf16*) { return k->attention_bf16; }
auto attention_kernel(const Kernels* k, const std::int8_t*) { return k->attention_int8; }

// The part of a grouped product that is one expert's.
template <class Act>
Product<Act> entries_of(const GroupedProduct<Act>& grouped, Index expert) {
  const Index first = grouped.offsets[expert];
  Product<Act> product = grouped.product;
  product.num_entries = grouped.offsets[expert + 1] - first;
  product.rows += first;
  product.out += first * product.out_stride;
  if (product.bias) product.bias += expert * grouped.out;
  return product;
}

template <class Act>
PackedMxfp4 of_expert(const PackedMxfp4& weights, const GroupedProduct<Act>& grouped, Index expert) {
  const Index first = expert * grouped.out * (grouped.product.in / kBlock);
  return {weights.blocks + first * (kBlock / 2), weights.scales + first};
}

}  // namespace

void Backend::to_bf16(const float* x, Bf16* out, Index count) {
  pool_.run(count, kValuesPerPiece, [&](Index begin, Index end) { kernels_->to_bf16(x, out, begin, end); });
}

void Backend::to_bf16(const float* x, float* out, Index count) {
  pool_.run(count, kValuesPerPiece, [&](Index begin, Index end) { kernels_->round_to_bf16(x, out, begin, end); });
}

void Backend::f16_to_bf16(const std::uint16_t* x, Bf16* out, Index count) {
  pool_.run(count, kValuesPerPiece, [&](Index begin, Index end) { kernels_->f16_to_bf16(x, out, begin, end); });
}

void Backend::q8_0_to_bf16(const std::uint8_t* stored, Bf16* out, Index blocks) {
  pool_.run(blocks, kValuesPerPiece / kBlock,
            [&](Index begin, Index end) { kernels_->q8_0_to_bf16(stored, out, begin, end); });
}

void Backend::to_int8(const float* x, Int8Block* out, Index blocks) {
  pool_.run(blocks, kValuesPerPiece / kBlock, [&](Index begin, Index end) { kernels_->to_int8(x, out, begin, end); });
}

void Backend::round(const float* x, const Rounded& rounded, Index count) {
  if (rounded.int8) to_int8(x, rounded.int8, count / kBlock);
  if (rounded.bf16) to_bf16(x, rounded.bf16, count);
  if (rounded.floats) to_bf16(x, rounded.floats, count);
}

void Backend::rms_norm(const float* x, const float* weight, float* out, Index rows, Index width, float eps,
                       const Rounded& rounded) {
  pool_.run(rows, rows_per_piece(width),
            [&](Index begin, Index end) { kernels_->rms_norm(x, weight, out, width, eps, begin, end); });
  round(out, rounded, rows * width);
}

template <class Act>
void Backend::matmul(const Product<Act>& product, const Bf16* weight, Index out) {
  const auto run = kernel(kernels_, &product);
  const Index grain = out > kFeaturesPerPiece ? kFeaturesPerPiece : kFewFeaturesPerPiece;
  pool_.run(out, grain, [&](Index begin, Index end) { run(product, weight, begin, end); });
}

template <class Act>
void Backend::int8_matmul(const Product<Act>& product, const PackedInt8& weights, Index out) {
  const auto run = int8_kernel(kernels_, &product);
  pool_.run(out, kPackedFeaturesPerPiece, [&](Index begin, Index end) { run(product, weights, begin, end); });
}

// Features are numbered through all experts that have entries.
template <class Act, class Piece>
void Backend::run_experts(const GroupedProduct<Act>& grouped, Index grain, const Piece& piece) {
  std::int32_t active[kMaxExperts];
  Index num_active = 0;
  for (Index expert = 0; expert < grouped.experts; ++expert)
    if (grouped.offsets[expert + 1] > grouped.offsets[expert]) active[num_active++] = static_cast<std::int32_t>(expert);
  // Padded, so that no piece has features of two experts.
  const Index padded = (grouped.out + grain - 1) / grain * grain;
  pool_.run(num_active * padded, grain, [&](Index begin, Index end) {
    for (Index at = begin; at < end;) {
      const Index expert = active[at / padded], feature = at % padded;
      const Index stop = std::min(padded, feature + end - at);
      piece(entries_of(grouped, expert), expert, feature, std::min(stop, grouped.out));
      at += stop - feature;
    }
  });
}

template <class Act>
void Backend::mxfp4_matmul(const GroupedProduct<Act>& grouped, const PackedMxfp4& weights, const Rounded& rounded) {
  run_experts(grouped, kPackedFeaturesPerPiece, [&](const Product<Act>& product, Index expert, Index begin, Index end) {
    mxfp4_kernel(kernels_, &product)(product, of_expert(weights, grouped, expert), begin, end);
  });
  round(grouped.product.out, rounded, grouped.product.num_entries * grouped.product.out_stride);
}

template <class Act>
void Backend::mxfp4_combine(const GroupedProduct<Act>& grouped, const PackedMxfp4& weights,
                            const Combination& combination) {
  if (grouped.product.num_entries > kMostCombinedEntries) {
    mxfp4_matmul(grouped, weights);
    combine(combination);
    return;
  }
  // A piece has the same features of all experts, so that their sum is made while they are in the cache.
  pool_.run(grouped.out, kPackedFeaturesPerPiece, [&](Index begin, Index end) {
    for (Index expert = 0; expert < grouped.experts; ++expert) {
      if (grouped.offsets[expert + 1] == grouped.offsets[expert]) continue;
      const Product<Act> product = entries_of(grouped, expert);
      mxfp4_kernel(kernels_, &product)(product, of_expert(weights, grouped, expert), begin, end);
    }
    kernels_->combine(combination, begin, end);
  });
}

void Backend::pack_mxfp4(const StoredMxfp4& stored, std::uint8_t* out, std::uint8_t* out_scales) {
  pool_.run(stored.experts * stored.features / kGroup, 4,
            [&](Index begin, Index end) { kernels_->pack_mxfp4(stored, out, out_scales, begin, end); });
}

void Backend::pack_int8(const Bf16* weight, Index features, Index num_blocks, std::uint8_t* out, Bf16* scales) {
  pool_.run((features + kGroup - 1) / kGroup, 4, [&](Index begin, Index end) {
    kernels_->pack_int8(weight, features, num_blocks, out, scales, begin, end);
  });
}

template <class Act>
void Backend::expert_matmul(const GroupedProduct<Act>& grouped, const Bf16* weight) {
  const Index values = grouped.out * grouped.product.in;
  run_experts(grouped, kFeaturesPerPiece, [&](const Product<Act>& product, Index expert, Index begin, Index end) {
    input_major_kernel(kernels_, &product)(product, weight + expert * values, grouped.out, begin, end);
  });
}

void Backend::swiglu(const float* gate_up, float* out, Index rows, Index width, float alpha, float limit,
                     const Rounded& rounded) {
  pool_.run(rows, rows_per_piece(width),
            [&](Index begin, Index end) { kernels_->swiglu(gate_up, out, width, alpha, limit, begin, end); });
  round(out, rounded, rows * width);
}

void Backend::route(const float* logits, std::int32_t* ids, float* weights, Index tokens, Index experts, Index k) {
  pool_.run(tokens, rows_per_piece(experts),
            [&](Index begin, Index end) { kernels_->route(logits, ids, weights, experts, k, begin, end); });
}

void Backend::assign(const Assignment& a) {
  std::int32_t next[kMaxExperts] = {};
  for (Index choice = 0; choice < a.tokens * a.k; ++choice) ++next[a.ids[choice]];
  a.offsets[0] = 0;
  for (Index expert = 0; expert < a.experts; ++expert) {
    a.offsets[expert + 1] = a.offsets[expert] + next[expert];
    next[expert] = a.offsets[expert];
  }
  for (Index choice = 0; choice < a.tokens * a.k; ++choice) {
    const std::int32_t entry = next[a.ids[choice]]++;
    a.entries[choice] = entry;
    a.rows[entry] = static_cast<std::int32_t>(choice / a.k);
  }
}

void Backend::combine(const Combination& combination) {
  const Index rows = combination.last_row - combination.first_row;
  pool_.run(rows, rows_per_piece(combination.width * combination.k), [&](Index begin, Index end) {
    Combination piece = combination;
    piece.first_row = combination.first_row + begin;
    piece.last_row = combination.first_row + end;
    kernels_->combine(piece, 0, combination.width);
  });
}

template <class Cached>
void Backend::rope_store(const NewTokens<Cached>& n, Index tokens) {
  const auto run = rope_store_kernel(kernels_, static_cast<const Cached*>(n.pages));
  pool_.run(tokens, rows_per_piece((n.heads + 2 * n.kv_heads) * n.head_dim),
            [&](Index begin, Index end) { run(n, begin, end); });
}

template <class Cached>
void Backend::attention(const Attention<Cached>& attention, const Rounded& rounded) {
  auto run = attention_kernel(kernels_, attention.pages);
  if constexpr (std::is_same_v<Cached, Bf16>)
    if (attends_in_pairs(attention.page_size, attention.head_dim)) run = kernels_->attention_bf16_pairs;
  pool_.run(attention.tokens * attention.kv_heads, 1, [&](Index begin, Index end) { run(attention, begin, end); });
  round(attention.out, rounded, attention.tokens * attention.heads * attention.head_dim);
}

std::uint64_t Backend::read_words(const std::uint64_t* words, Index count) {
  std::atomic<std::uint64_t> sum{0};
  // A piece of 256 kB, as a piece of a matrix product is.
  pool_.run(count, kValuesPerPiece, [&](Index begin, Index end) { sum += kernels_->read_words(words, begin, end); });
  return sum;
}

double Backend::multiply(Index rounds, Rounding rounding) {
  const auto run = rounding == Rounding::kInt8   ? kernels_->multiply_int8
                   : rounding == Rounding::kBf16 ? kernels_->multiply_bf16
                                                 : kernels_->multiply_f32;
  // More pieces than threads, so that all are at work until the end.
  const Index pieces = 16 * num_threads();
  std::atomic<bool> is_zero{true};
  pool_.run(pieces, 1, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i)
      if (run(rounds / 16) != 0.0f) is_zero = false;
  });
  const double operations = 2.0 * kBlock * kPeakProducts * static_cast<double>(rounds / 16 * pieces);
  return is_zero ? operations : 0.0;
}

template void Backend::matmul(const Product<float>&, const Bf16*, Index);
template void Backend::matmul(const Product<Bf16>&, const Bf16*, Index);
template void Backend::int8_matmul(const Product<float>&, const PackedInt8&, Index);
template void Backend::int8_matmul(const Product<Bf16>&, const PackedInt8&, Index);
template void Backend::int8_matmul(const Product<Int8Block>&, const PackedInt8&, Index);
template void Backend::mxfp4_matmul(const GroupedProduct<float>&, const PackedMxfp4&, const Rounded&);
template void Backend::mxfp4_matmul(const GroupedProduct<Bf16>&, const PackedMxfp4&, const Rounded&);
template void Backend::mxfp4_matmul(const GroupedProduct<Int8Block>&, const PackedMxfp4&, const Rounded&);
template void Backend::mxfp4_combine(const GroupedProduct<float>&, const PackedMxfp4&, const Combination&);
template void Backend::mxfp4_combine(const GroupedProduct<Bf16>&, const PackedMxfp4&, const Combination&);
template void Backend::mxfp4_combine(const GroupedProduct<Int8Block>&, const PackedMxfp4&, const Combination&);
template void Backend::expert_matmul(const GroupedProduct<float>&, const Bf16*);
template void Backend::expert_matmul(const GroupedProduct<Bf16>&, const Bf16*);
template void Backend::rope_store(const NewTokens<float>&, Index);
template void Backend::rope_store(const NewTokens<Bf16>&, Index);
template void Backend::rope_store(const NewTokens<std::int8_t>&, Index);
template void Backend::attention(const Attention<float>&, const Rounded&);
template void Backend::attention(const Attention<Bf16>&, const Rounded&);
template void Backend::attention(const Attention<std::int8_t>&, const Rounded&);

}  // namespace gptoss
