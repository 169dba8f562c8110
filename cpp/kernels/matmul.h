// Matrix products with bfloat16 weights as checkpoints store them, (out, in).
//
// One tile has a few output features x a few entries; each weight is loaded once a tile. An
// output element is the sum over blocks of 32 inputs in order, lanes apart, lanes added at the end, whatever the tile:
// the order of every caller.
#pragma once

#include "kernels/lanes.h"

namespace gptoss {
namespace {

struct Rows {
  const Bf16* weight;
  Index in;

  template <class Act>
  inline __attribute__((always_inline)) Isa::Weights<Act> load(const Act* x, Index row, Index block) const {
    return Isa::weights(x, weight + row * in + block * kBlock);
  }
};

// Features that share a pass over their entries: their weights of one chunk stay in the first-level cache.
constexpr Index kFeatures = 16;
// Blocks that are summed before the next feature, so that the entries' part of x stays in the first-level cache: eight
// rows of 512 floats have 16 kB.
constexpr Index kChunk = 16;

template <int Tokens>
using Sums = Isa::F[kFeatures][Tokens];

// Adds blocks [begin, end) of features row to row + Rows to their sums.
template <int Rows, int Tokens, class Weight, class Act>
GPTOSS_INLINE void product_tile(const Act* const* x, const Weight& weight, Index row, Index begin, Index end,
                                Isa::F (*sums)[Tokens]) {
  Isa::F sum[Rows][Tokens];
  // Unrolled, because sums that are indexed at run time would live in memory.
  GPTOSS_UNROLL for (int r = 0; r < Rows; ++r) GPTOSS_UNROLL for (int t = 0; t < Tokens; ++t) sum[r][t] = sums[r][t];
  for (Index block = begin; block < end; ++block) {
    GPTOSS_UNROLL for (int r = 0; r < Rows; ++r) {
      const auto w = weight.load(x[0], row + r, block);
      GPTOSS_UNROLL for (int t = 0; t < Tokens; ++t) sum[r][t] = Isa::dot(sum[r][t], w, x[t] + block * kBlock);
    }
  }
  GPTOSS_UNROLL for (int r = 0; r < Rows; ++r) GPTOSS_UNROLL for (int t = 0; t < Tokens; ++t) sums[r][t] = sum[r][t];
}

// Features [begin, end), kFeatures at most, of so many entries.
template <int Tokens, class Weight, class Act>
GPTOSS_INLINE void product_panel(const Product<Act>& p, const Weight& weight, Index begin, Index end, Index entry) {
  constexpr int kRows = Isa::kAccumulators / Tokens < 4 ? Isa::kAccumulators / Tokens : 4;
  const Act* x[Tokens];
  for (int t = 0; t < Tokens; ++t) x[t] = p.x + (p.rows ? p.rows[entry + t] : entry + t) * p.in;
  Sums<Tokens> sums = {};
  const Index num_blocks = p.in / kBlock;
  // One entry's x stays in the cache as a whole.
  const Index chunk = Tokens == 1 ? num_blocks : kChunk;
  for (Index block = 0; block < num_blocks; block += chunk) {
    const Index stop = block + chunk < num_blocks ? block + chunk : num_blocks;
    Index row = begin;
    for (; row + kRows <= end; row += kRows)
      product_tile<kRows, Tokens>(x, weight, row, block, stop, sums + (row - begin));
    for (; row < end; ++row) product_tile<1, Tokens>(x, weight, row, block, stop, sums + (row - begin));
  }
  for (Index row = begin; row < end; ++row) {
    const float bias = p.bias ? p.bias[row] : 0.0f;
    for (int t = 0; t < Tokens; ++t) {
      float& out = p.out[(entry + t) * p.out_stride + row];
      const float value = lane_sum(sums[row - begin][t]) + bias;
      out = p.adds ? out + value : value;
    }
  }
}

// Entries from `entry` on, as many at once as there are; the rest by half as many.
template <int Tokens, class Weight, class Act>
GPTOSS_INLINE void product_entries(const Product<Act>& p, const Weight& weight, Index begin, Index end, Index entry) {
  for (; entry + Tokens <= p.num_entries; entry += Tokens) product_panel<Tokens>(p, weight, begin, end, entry);
  if constexpr (Tokens > 1) product_entries<Tokens / 2>(p, weight, begin, end, entry);
}

template <class Weight, class Act>
GPTOSS_INLINE void product(const Product<Act>& p, const Weight& weight, Index begin, Index end) {
  for (Index row = begin; row < end; row += kFeatures)
    product_entries<Isa::kTokens>(p, weight, row, row + kFeatures < end ? row + kFeatures : end, 0);
}

template <class Act>
void matmul(const Product<Act>& p, const Bf16* weight, Index begin, Index end) {
  product(p, Rows{weight, p.in}, begin, end);
}

}  // namespace
}  // namespace gptoss
