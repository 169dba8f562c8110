// Matrix products with weights stored row by row: bfloat16 (out, in) and MXFP4 (out, in / 32, 16).
//
// Both are one tile of kRows output features x kTokens entries; each weight is decoded once a tile, in registers.
// An output element is the sum over blocks of 32 inputs in order, lanes apart, lanes added at the end, whatever the
// tile: the order of every caller.
#pragma once

#include "simd/isa.h"

namespace gptoss {
namespace {

struct Bf16Rows {
  const Bf16* weight;
  Index in;

  template <class Act>
  using Block = Isa::Weights<Act>;

  template <class Act>
  inline __attribute__((always_inline)) Block<Act> load(const Act* x, Index row, Index block) const {
    return Isa::weights(x, weight + row * in + block * kBlock);
  }

  template <class Act>
  GPTOSS_INLINE Isa::F add(Isa::F sum, const Block<Act>& w, const Act* x) {
    return Isa::dot(sum, w, x);
  }
};

struct Mxfp4Rows {
  Mxfp4Weights weight;
  Index in;

  template <class Act>
  struct Block {
    Isa::Weights<Act> values;
    Isa::F scale;
  };

  template <class Act>
  inline __attribute__((always_inline)) Block<Act> load(const Act* x, Index row, Index block) const {
    const Index at = row * (in / kBlock) + block;
    return {Isa::mxfp4(x, weight.blocks + at * (kBlock / 2)), Isa::set1(kMxfp4Scales.factor[weight.scales[at]])};
  }

  template <class Act>
  GPTOSS_INLINE Isa::F add(Isa::F sum, const Block<Act>& w, const Act* x) {
    return Isa::fma(Isa::dot(Isa::F{}, w.values, x), w.scale, sum);
  }
};

template <int Rows, int Tokens, class Weight, class Act>
GPTOSS_INLINE void product_tile(const Product<Act>& p, const Weight& weight, Index row, Index entry) {
  const Act* x[Tokens];
  for (int t = 0; t < Tokens; ++t) x[t] = p.x + (p.rows ? p.rows[entry + t] : entry + t) * p.in;
  Isa::F sum[Rows][Tokens] = {};
  for (Index block = 0; block < p.in / kBlock; ++block) {
    // Unrolled, because sums that are indexed at run time would live in memory.
    GPTOSS_UNROLL for (int r = 0; r < Rows; ++r) {
      const auto w = weight.load(x[0], row + r, block);
      GPTOSS_UNROLL for (int t = 0; t < Tokens; ++t) sum[r][t] = weight.add(sum[r][t], w, x[t] + block * kBlock);
    }
  }
  GPTOSS_UNROLL for (int r = 0; r < Rows; ++r) {
    const float bias = p.bias ? p.bias[row + r] : 0.0f;
    GPTOSS_UNROLL for (int t = 0; t < Tokens; ++t) p.out[(entry + t) * p.out_stride + row + r] =
        Isa::sum(sum[r][t]) + bias;
  }
}

template <int Tokens, class Weight, class Act>
GPTOSS_INLINE void product_columns(const Product<Act>& p, const Weight& weight, Index begin, Index end, Index entry) {
  // A single entry leaves registers free for more features, whose loads then overlap.
  constexpr int kRows = Tokens == 1 ? 4 : Isa::kRows;
  Index row = begin;
  for (; row + kRows <= end; row += kRows) product_tile<kRows, Tokens>(p, weight, row, entry);
  for (; row < end; ++row) product_tile<1, Tokens>(p, weight, row, entry);
}

// Features run in the outer loop, few at a time, so that their weights stay in the cache for all entries.
template <class Weight, class Act>
GPTOSS_INLINE void product(const Product<Act>& p, const Weight& weight, Index begin, Index end) {
  constexpr Index kFeatures = 16;
  for (Index row = begin; row < end; row += kFeatures) {
    const Index stop = row + kFeatures < end ? row + kFeatures : end;
    Index entry = 0;
    for (; entry + Isa::kTokens <= p.num_entries; entry += Isa::kTokens)
      product_columns<Isa::kTokens>(p, weight, row, stop, entry);
    for (; entry < p.num_entries; ++entry) product_columns<1>(p, weight, row, stop, entry);
  }
}

template <class Act>
void matmul(const Product<Act>& p, const Bf16* weight, Index begin, Index end) {
  product(p, Bf16Rows{weight, p.in}, begin, end);
}

template <class Act>
void mxfp4_matmul(const Product<Act>& p, const Mxfp4Weights& weight, Index begin, Index end) {
  product(p, Mxfp4Rows{weight, p.in}, begin, end);
}

}  // namespace
}  // namespace gptoss
