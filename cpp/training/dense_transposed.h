// Products with the transpose of bfloat16 weights as checkpoints store them, (out, in): a vector's lanes are inputs,
// and features are added one after the other.
#pragma once

#include "training/tile_product.h"

namespace gptoss {
namespace {

// A panel of widened weights, 32 kB: so many features by the inputs of so many blocks.
constexpr Index kDenseFeatures = 128, kDenseBlocks = 2;

// Blocks [begin, end) of inputs; p.in counts features.
void bf16_transposed(const Product<float>& p, const Bf16* weight, Index in_blocks, Index begin, Index end) {
  alignas(64) float panel[kDenseFeatures][kDenseBlocks * kBlock];
  const Index in = in_blocks * kBlock;
  for (Index block = begin; block < end; block += kDenseBlocks) {
    const Index columns = (block + kDenseBlocks < end ? kDenseBlocks : end - block) * kBlock;
    float* out = p.out + block * kBlock;
    if (!p.adds)
      for (Index entry = 0; entry < p.num_entries; ++entry)
        std::memset(out + entry * p.out_stride, 0, sizeof(float) * static_cast<std::size_t>(columns));
    for (Index first = 0; first < p.in; first += kDenseFeatures) {
      const Index features = first + kDenseFeatures < p.in ? kDenseFeatures : p.in - first;
      for (Index i = 0; i < features; ++i) {
        const Bf16* row = weight + (first + i) * in + block * kBlock;
        for (Index column = 0; column < columns; column += Isa::kLanes)
          Isa::store(panel[i] + column, Isa::load(row + column));
      }
      add_product(Left{p.x + first, p.in, 1}, Right{panel[0], kDenseBlocks * kBlock}, out, p.out_stride, p.num_entries,
                  columns, features);
    }
  }
}

}  // namespace
}  // namespace gptoss
