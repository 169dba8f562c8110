#include "training.h"

#include <algorithm>

namespace gptoss {
namespace {

// As in backend.cpp: pieces this small take some tens of microseconds.
constexpr Index kValuesPerPiece = 32768;
// Blocks of inputs of a product with a stored matrix: one panel is that wide.
constexpr Index kDenseBlocksPerPiece = 2;

auto mxfp4_kernel(const TrainingKernels* k, const Product<float>*) { return k->mxfp4_transposed_f32; }
auto mxfp4_kernel(const TrainingKernels* k, const Product<Bf16>*) { return k->mxfp4_transposed_bf16; }

}  // namespace

// Blocks of inputs are numbered through all experts.
template <class Act>
void Training::mxfp4_transposed(const GroupedProduct<Act>& grouped, const PackedMxfp4& weights) {
  const Index in_blocks = grouped.out / kBlock, blocks = grouped.product.in * in_blocks;
  const auto run = mxfp4_kernel(kernels_, &grouped.product);
  pool_.run(grouped.experts * in_blocks, 1, [&](Index begin, Index end) {
    for (Index at = begin; at < end;) {
      const Index expert = at / in_blocks, block = at % in_blocks, stop = std::min(in_blocks, block + end - at);
      const Index first = grouped.offsets[expert];
      Product<Act> product = grouped.product;
      product.num_entries = grouped.offsets[expert + 1] - first;
      product.rows += first;
      product.out += first * product.out_stride;
      run(product, {weights.blocks + expert * blocks * (kBlock / 2), weights.scales + expert * blocks}, in_blocks,
          block, stop);
      at += stop - block;
    }
  });
}

void Training::int8_transposed(const Product<float>& product, const PackedInt8& weights, Index in) {
  pool_.run(in / kBlock, 1,
            [&](Index begin, Index end) { kernels_->int8_transposed(product, weights, in / kBlock, begin, end); });
}

void Training::bf16_transposed(const Product<float>& product, const Bf16* weight, Index in) {
  pool_.run(in / kBlock, kDenseBlocksPerPiece,
            [&](Index begin, Index end) { kernels_->bf16_transposed(product, weight, in / kBlock, begin, end); });
}

void Training::add_product(const FloatProduct& product) {
  pool_.run(num_pieces(product), 1, [&](Index begin, Index end) { kernels_->add_product(product, begin, end); });
}

void Training::swiglu_gradient(const float* gate_up, const float* d_out, float* d_gate_up, Index rows, Index width,
                               Swiglu swiglu) {
  pool_.run(rows, std::max(Index{1}, kValuesPerPiece / width), [&](Index begin, Index end) {
    kernels_->swiglu_gradient(gate_up, d_out, d_gate_up, width, swiglu, begin, end);
  });
}

void Training::attention(const SampleAttention& attention) {
  pool_.run(attention.kv_heads * num_pieces(attention), 1,
            [&](Index begin, Index end) { kernels_->sample_attention(attention, begin, end); });
}

void Training::attention_gradient(const SampleAttentionGradient& gradient) {
  const SampleAttention& a = gradient.of;
  pool_.run(a.tokens, std::max(Index{1}, kValuesPerPiece / (a.heads * a.head_dim)),
            [&](Index begin, Index end) { kernels_->attention_shares(gradient, begin, end); });
  pool_.run(a.heads, 1, [&](Index begin, Index end) { kernels_->sink_gradient(gradient, begin, end); });
  pool_.run(a.samples * a.kv_heads, 1,
            [&](Index begin, Index end) { kernels_->sample_attention_gradient(gradient, begin, end); });
}

template void Training::mxfp4_transposed(const GroupedProduct<float>&, const PackedMxfp4&);
template void Training::mxfp4_transposed(const GroupedProduct<Bf16>&, const PackedMxfp4&);

}  // namespace gptoss
