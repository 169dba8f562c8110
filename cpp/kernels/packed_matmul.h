// Matrix products with packed weights: a vector's lanes are output features, and activations are broadcast.
//
// An output element is the sum over blocks of 32 inputs in order; within a block, the sum over steps in order, from
// nothing, times the block's scale. One tile does it for a few vectors of features x a few entries, and whatever the
// tile, the order is this one. Few entries: weights are decoded in registers, straight from memory. Many: a chunk of
// them is decoded into the first-level cache and serves all entries.
#pragma once

#include "kernels/constants.h"
#include "kernels/packed_block.h"
#include "kernels/swiglu.h"

namespace gptoss {
namespace {

// Vectors of a group.
constexpr Index kGroupVectors = kGroup / Isa::kLanes;
// How far ahead of the decoded block memory is asked for: the hardware's own guess ends with each page.
constexpr Index kPrefetchBytes = 4096;

// Whether a block's sum becomes a float together with its scale.
template <class Weights, class Act>
constexpr bool kHasOrigins = Isa::kHasOrigins && std::is_same_v<Act, Int8Block> && std::is_same_v<Weights, PackedMxfp4>;

// Scales whose block sums are whole numbers, as floats so large that adding a whole number to their bits adds as many
// times the scale: 1.5 * 2^23 times the scale of the doubled values, 2^(byte - 128). What is left when it is taken off
// again is sum times scale, exactly, for the price of a subtraction. Up to byte 232, which packing sees to.
GPTOSS_INLINE Isa::F load_origins(const std::uint8_t* p) {
  return (Isa::F)((Isa::load_exponents(p) + 22u) << 23 | 0x00400000u);
}

// Weights of so many vectors, decoded as they are needed.
template <class Weights>
struct Packed {
  Weights weights;
  Index num_blocks;
  Index first;  // the first feature

  template <class Act>
  inline __attribute__((always_inline)) void quarter(const Act* x, Index block, int v, Index z,
                                                     Isa::Word<Act>* words) const {
    const Index row = first + v * Isa::kLanes;
    constexpr Index kBytes = block_bytes(static_cast<Weights*>(nullptr));
    const std::uint8_t* p = weights.blocks + (row / kGroup * num_blocks + block) * kBytes + z * (kBytes / kQuarters) +
                            row % kGroup * (64 / kGroup);
    if (row % kGroup == 0 && Isa::kPrefetches<Weights>)
      for (Index line = 0; line < kBytes / kQuarters; line += 64) __builtin_prefetch(p + kPrefetchBytes + line, 0, 0);
    Isa::quarter(weights, x, p, words);
  }

  template <class Act>
  inline __attribute__((always_inline)) Isa::F scales(const Act*, Index block, int v) const {
    const Index row = first + v * Isa::kLanes;
    const auto* p = weights.scales + (row / kGroup * num_blocks + block) * kGroup + row % kGroup;
    if constexpr (kHasOrigins<Weights, Act>) return load_origins(p);
    const Isa::F scale = Isa::load_scales(p);
    // Whole numbers are the doubled values.
    constexpr bool kIsDoubled = std::is_same_v<Act, Int8Block> && std::is_same_v<Weights, PackedMxfp4>;
    return kIsDoubled ? scale * Isa::set1(0.5f) : scale;
  }
};

// Blocks decoded together: so many fit into the first-level cache, and leave room for activations.
template <class Weights, class Act>
constexpr Index kPanelBlocks = (20 << 10) / (kQuarters * Isa::kPanelVectors<Weights, Act> * Isa::kWords<Weights, Act> *
                                             static_cast<Index>(sizeof(Isa::F)));

// Decoded weights of kPanelVectors vectors, from block `begin` on.
template <class Weights, class Act>
struct Decoded {
  static constexpr int kVectors = Isa::kPanelVectors<Weights, Act>, kWords = Isa::kWords<Weights, Act>;
  alignas(64) Isa::Word<Act> words[kPanelBlocks<Weights, Act>][kQuarters][kVectors][kWords];
  alignas(64) Isa::F scale[kPanelBlocks<Weights, Act>][kVectors];
  Index begin;

  // `vectors` of them exist.
  inline __attribute__((always_inline)) void decode(const Packed<Weights>& from, const Act* x, Index vectors,
                                                    Index from_block, Index end) {
    begin = from_block;
    for (Index block = begin; block < end; ++block)
      for (int v = 0; v < vectors; ++v) {
        for (Index z = 0; z < kQuarters; ++z) from.quarter(x, block, v, z, words[block - begin][z][v]);
        scale[block - begin][v] = from.scales(x, block, v);
      }
  }

  inline __attribute__((always_inline)) void quarter(const Act*, Index block, int v, Index z,
                                                     Isa::Word<Act>* out) const {
    GPTOSS_UNROLL for (int i = 0; i < kWords; ++i) out[i] = words[block - begin][z][v][i];
  }

  inline __attribute__((always_inline)) Isa::F scales(const Act*, Index block, int v) const {
    return scale[block - begin][v];
  }
};

// total + what a block's sum is worth.
template <class Weights, class Act, class Sum>
GPTOSS_INLINE Isa::F add_scaled(const Weights& format, Isa::F total, const Sum& sum, Isa::F scale, const Act* x) {
  if constexpr (kHasOrigins<Weights, Act>)
    return Isa::fma(Isa::set1(x->scale), (Isa::F)Isa::whole(format, sum, x) - scale, total);
  else if constexpr (std::is_same_v<Act, Int8Block>)
    return Isa::fma(scale * Isa::set1(x->scale), __builtin_convertvector(Isa::whole(format, sum, x), Isa::F), total);
  else
    return Isa::fma(scale, sum, total);
}

// Adds blocks [begin, end) of Vectors vectors of features x Tokens entries to their sums.
template <int Vectors, int Tokens, class Weights, class Act, class Source>
GPTOSS_INLINE void add_blocks(const Weights& format, const Source& source, const Act* const* x, Index begin, Index end,
                              Isa::F (*sums)[Vectors]) {
  constexpr Index kStride = kBlock / kValues<Act>;
  Isa::F total[Tokens][Vectors];
  // Unrolled, because sums that are indexed at run time would live in memory.
  GPTOSS_UNROLL for (int t = 0; t < Tokens; ++t) GPTOSS_UNROLL for (int v = 0; v < Vectors; ++v) total[t][v] =
      sums[t][v];
  for (Index block = begin; block < end; ++block) {
    Isa::F scale[Vectors];
    GPTOSS_UNROLL for (int v = 0; v < Vectors; ++v) scale[v] = source.scales(x[0], block, v);
    decltype(Isa::start(format, scale[0], x[0])) sum[Tokens][Vectors];
    GPTOSS_UNROLL for (int t = 0; t < Tokens; ++t) GPTOSS_UNROLL for (int v = 0; v < Vectors; ++v) sum[t][v] =
        Isa::start(format, scale[v], x[t] + block * kStride);
    GPTOSS_UNROLL for (Index z = 0; z < kQuarters; ++z) {
      Isa::Word<Act> words[Vectors][Isa::kWords<Weights, Act>];
      GPTOSS_UNROLL for (int v = 0; v < Vectors; ++v) source.quarter(x[0], block, v, z, words[v]);
      GPTOSS_UNROLL for (int t = 0; t < Tokens; ++t) GPTOSS_UNROLL for (int v = 0; v < Vectors; ++v) sum[t][v] =
          Isa::dot(format, sum[t][v], words[v], x[t] + block * kStride, z);
    }
    GPTOSS_UNROLL for (int t = 0; t < Tokens; ++t) GPTOSS_UNROLL for (int v = 0; v < Vectors; ++v) total[t][v] =
        add_scaled(format, total[t][v], sum[t][v], scale[v], x[t] + block * kStride);
  }
  GPTOSS_UNROLL for (int t = 0; t < Tokens; ++t) GPTOSS_UNROLL for (int v = 0; v < Vectors; ++v) sums[t][v] =
      total[t][v];
}

// One vector of sums to the output: features row and on, of which those before `end` exist.
template <class Act>
GPTOSS_INLINE void finish(const Product<Act>& p, Index entry, Index row, Index end, Isa::F sum) {
  float* out = p.out + entry * p.out_stride;
  if (row + Isa::kLanes <= end) {
    if (p.bias) sum = sum + Isa::load(p.bias + row);
    if (p.swiglu.is_wanted) {
      float half[Isa::kLanes];
      Isa::store(half, swiglu(evens(sum, sum), odds(sum, sum), p.swiglu));
      std::memcpy(out + row / 2, half, sizeof half / 2);
      return;
    }
    Isa::store(out + row, p.adds ? Isa::load(out + row) + sum : sum);
    return;
  }
  // Products with an activation function never end within a vector.
  float lane[Isa::kLanes];
  Isa::store(lane, sum);
  for (Index i = row; i < end; ++i) {
    const float value = lane[i - row] + (p.bias ? p.bias[i] : 0.0f);
    out[i] = p.adds ? out[i] + value : value;
  }
}

template <int Vectors, class Act>
GPTOSS_INLINE void finish(const Product<Act>& p, Index entry, Index row, Index end, const Isa::F (&sums)[Vectors]) {
  if constexpr (Vectors == 2) {
    if (p.swiglu.is_wanted && row + 2 * Isa::kLanes <= end) {
      Isa::F a = sums[0], b = sums[1];
      if (p.bias) {
        a = a + Isa::load(p.bias + row);
        b = b + Isa::load(p.bias + row + Isa::kLanes);
      }
      Isa::store(p.out + entry * p.out_stride + row / 2, swiglu(evens(a, b), odds(a, b), p.swiglu));
      return;
    }
  }
  for (int v = 0; v < Vectors; ++v)
    if (row + v * Isa::kLanes < end) finish(p, entry, row + v * Isa::kLanes, end, sums[v]);
}

template <class Weights, class Act>
void product_from_memory(const Product<Act>& p, const Weights& weights, Index begin, Index end) {
  constexpr int kVectors = Isa::kMemoryVectors;
  for (Index row = begin; row < end; row += kVectors * Isa::kLanes) {
    const Packed<Weights> source = {weights, p.in / kBlock, row};
    for (Index entry = 0; entry < p.num_entries; entry += Isa::kMemoryTokens) {
      with_constant<Isa::kMemoryTokens>(p.num_entries - entry, [&](auto tokens) {
        const Act* x[tokens];
        for (int t = 0; t < tokens; ++t) x[t] = input(p, entry + t);
        Isa::F sums[tokens][kVectors] = {};
        add_blocks<kVectors, tokens>(weights, source, x, 0, p.in / kBlock, sums);
        for (int t = 0; t < tokens; ++t) finish<kVectors>(p, entry + t, row, end, sums[t]);
      });
    }
  }
}

// Entries whose sums are kept while the chunks of one panel go by.
constexpr Index kPanelEntries = 192;

template <class Weights, class Act>
void product_from_panels(const Product<Act>& p, const Weights& weights, Index begin, Index end) {
  constexpr int kVectors = Isa::kPanelVectors<Weights, Act>, kTokens = Isa::kPanelTokens<Weights, Act>;
  constexpr Index kBlocks = kPanelBlocks<Weights, Act>;
  const Index num_blocks = p.in / kBlock;
  Decoded<Weights, Act> decoded = {};
  alignas(64) Isa::F sums[kPanelEntries][kVectors];
  for (Index row = begin; row < end; row += kVectors * Isa::kLanes) {
    const Index left = (end - row + Isa::kLanes - 1) / Isa::kLanes, vectors = left < kVectors ? left : kVectors;
    for (Index first = 0; first < p.num_entries; first += kPanelEntries) {
      const Index stop = first + kPanelEntries < p.num_entries ? first + kPanelEntries : p.num_entries;
      for (Index entry = first; entry < stop; ++entry)
        for (int v = 0; v < kVectors; ++v) sums[entry - first][v] = Isa::F{};
      for (Index block = 0; block < num_blocks; block += kBlocks) {
        const Index last = block + kBlocks < num_blocks ? block + kBlocks : num_blocks;
        decoded.decode(Packed<Weights>{weights, num_blocks, row}, p.x, vectors, block, last);
        for (Index entry = first; entry < stop; entry += kTokens)
          with_constant<kTokens>(stop - entry, [&](auto tokens) {
            const Act* x[tokens];
            for (int t = 0; t < tokens; ++t) x[t] = input(p, entry + t);
            add_blocks<kVectors, tokens>(weights, decoded, x, block, last, sums + (entry - first));
          });
      }
      for (Index entry = first; entry < stop; ++entry) finish<kVectors>(p, entry, row, end, sums[entry - first]);
    }
  }
}

// Features [begin, end); weights of whole groups are there.
template <class Act, class Weights>
void packed_matmul(const Product<Act>& p, const Weights& weights, Index begin, Index end) {
  if (p.num_entries <= 2 * Isa::kMemoryTokens)
    product_from_memory(p, weights, begin, end);
  else
    product_from_panels(p, weights, begin, end);
}

}  // namespace
}  // namespace gptoss
