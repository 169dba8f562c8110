// Products with the transpose of packed weights, which make gradients of inputs of gradients of outputs.
//
// The weights are read as they lie: a vector's lanes are output features, which is what is summed over here. So a sum
// is taken lane by lane, over the features in order, and its lanes are added at the end. Scales belong to a feature and
// a block of inputs, so decoded values are multiplied by them. A panel of decoded weights, a block of inputs wide,
// serves all entries; four inputs by a few entries are summed in registers.
#pragma once

#include "kernels/constants.h"
#include "kernels/lanes.h"
#include "kernels/packed_block.h"

namespace gptoss {
namespace {

// Inputs of a tile, and entries: with one register for a weight and one an entry they fill what there are.
constexpr int kTileInputs = 4;
constexpr int kTileEntries = Isa::kAccumulators >= 16 ? 6 : Isa::kAccumulators >= 8 ? 3 : 2;
constexpr Index kTiles = kBlock / kTileInputs;
// Features of a panel: in floats 64 kB, an eighth of a second-level cache or less, and one entry's part of x 2 kB.
constexpr Index kPanelFeatures = 512;
// Entries whose sums are kept while the panels of a block go by: 256 kB.
constexpr Index kTransposedEntries = 128;

// Features that one step takes: a vector of floats, or a block of bfloat16, which the dot product takes in pairs.
template <class Act>
constexpr Index kStep = std::is_same_v<Act, float> ? Isa::kLanes : kBlock;

GPTOSS_INLINE void store_decoded(float* p, Isa::F values) { Isa::store(p, values); }

// An MXFP4 value has three binary digits, so that its lower half as a float is zero, also where it is subnormal.
GPTOSS_INLINE void store_decoded(Bf16* p, Isa::F values) {
  typedef std::uint16_t Halves __attribute__((vector_size(2 * Isa::kLanes)));
  const Halves upper = __builtin_convertvector((Isa::U)values >> 16, Halves);
  std::memcpy(p, &upper, sizeof upper);
}

// Decoded weights of a block of inputs and of some features: tiles of inputs, steps of features, inputs.
template <class Act>
struct TransposedPanel {
  static constexpr Index kSteps = kPanelFeatures / kStep<Act>;
  alignas(64) Act values[kTiles][kSteps][kTileInputs][kStep<Act>];

  // Features [first, end) of a block of inputs.
  template <class Weights>
  GPTOSS_METHOD void decode(const Weights& weights, Index in_blocks, Index block, Index first, Index end) {
    static_assert(std::is_same_v<Act, float> || std::is_same_v<Weights, PackedMxfp4>, "eight bits would be cut");
    constexpr Index kBytes = block_bytes(static_cast<Weights*>(nullptr));
    for (Index feature = first; feature < end; feature += Isa::kLanes) {
      const Index from = feature / kGroup * in_blocks + block, lane = feature % kGroup;
      const std::uint8_t* p = weights.blocks + from * kBytes + lane * (64 / kGroup);
      // Groups lie a row of blocks apart, which no hardware guesses.
      if (lane == 0 && feature + kGroupsAhead * kGroup < end)
        for (Index line = 0; line < kBytes; line += 64)
          __builtin_prefetch(p + kGroupsAhead * in_blocks * kBytes + line, 0, 2);
      const Isa::F scale = Isa::load_scales(weights.scales + from * kGroup + lane);
      Act* out = values[0][(feature - first) / kStep<Act>][0] + (feature - first) % kStep<Act>;
      GPTOSS_UNROLL for (Index z = 0; z < kQuarters; ++z) {
        constexpr int kWords = Isa::kWords<Weights, float>;
        Isa::Word<float> words[kWords];
        Isa::quarter(weights, static_cast<const float*>(nullptr), p + z * (kBytes / kQuarters), words);
        GPTOSS_UNROLL for (int i = 0; i < kWords; ++i) {
          const Index input = z * kWords + i;
          store_decoded(out + (input / kTileInputs * kSteps * kTileInputs + input % kTileInputs) * kStep<Act>,
                        (Isa::F)words[i] * scale);
        }
      }
    }
  }

 private:
  static constexpr Index kGroupsAhead = 4;
};

// Adds steps [0, steps) of one tile to its sums; `x` begins where the panel does.
template <int Entries>
GPTOSS_INLINE void add_tile(const float (*weights)[kTileInputs][kStep<float>], Index steps, const float* const* x,
                            Isa::F (*sums)[kBlock]) {
  Isa::F sum[Entries][kTileInputs];
  GPTOSS_UNROLL for (int t = 0; t < Entries; ++t) GPTOSS_UNROLL for (int i = 0; i < kTileInputs; ++i) sum[t][i] =
      sums[t][i];
  for (Index step = 0; step < steps; ++step) {
    Isa::F in[Entries];
    GPTOSS_UNROLL for (int t = 0; t < Entries; ++t) in[t] = Isa::load(x[t] + step * Isa::kLanes);
    GPTOSS_UNROLL for (int i = 0; i < kTileInputs; ++i) {
      const Isa::F weight = Isa::load(weights[step][i]);
      GPTOSS_UNROLL for (int t = 0; t < Entries; ++t) sum[t][i] = Isa::fma(weight, in[t], sum[t][i]);
    }
  }
  GPTOSS_UNROLL for (int t = 0; t < Entries; ++t) GPTOSS_UNROLL for (int i = 0; i < kTileInputs; ++i) sums[t][i] =
      sum[t][i];
}

template <int Entries>
GPTOSS_INLINE void add_tile(const Bf16 (*weights)[kTileInputs][kStep<Bf16>], Index steps, const Bf16* const* x,
                            Isa::F (*sums)[kBlock]) {
  Isa::F sum[Entries][kTileInputs];
  GPTOSS_UNROLL for (int t = 0; t < Entries; ++t) GPTOSS_UNROLL for (int i = 0; i < kTileInputs; ++i) sum[t][i] =
      sums[t][i];
  for (Index step = 0; step < steps; ++step) GPTOSS_UNROLL for (int i = 0; i < kTileInputs; ++i) {
      const auto weight = Isa::weights(x[0], weights[step][i]);
      GPTOSS_UNROLL for (int t = 0; t < Entries; ++t) sum[t][i] = Isa::dot(sum[t][i], weight, x[t] + step * kBlock);
    }
  GPTOSS_UNROLL for (int t = 0; t < Entries; ++t) GPTOSS_UNROLL for (int i = 0; i < kTileInputs; ++i) sums[t][i] =
      sum[t][i];
}

template <class Act>
GPTOSS_INLINE void add_panel(const Product<Act>& p, const TransposedPanel<Act>& panel, Index first, Index end,
                             Index entry, Index stop, Isa::F (*sums)[kBlock]) {
  for (Index at = entry; at < stop; at += kTileEntries)
    with_constant<kTileEntries>(stop - at, [&](auto entries) {
      const Act* x[entries];
      for (int t = 0; t < entries; ++t) x[t] = input(p, at + t) + first;
      for (Index tile = 0; tile < kTiles; ++tile)
        add_tile<entries>(panel.values[tile], (end - first) / kStep<Act>, x,
                          reinterpret_cast<Isa::F(*)[kBlock]>(&sums[at - entry][tile * kTileInputs]));
    });
}

// Blocks [begin, end) of inputs. p.in counts features, a multiple of kBlock for bfloat16, else of kGroup.
template <class Act, class Weights>
void packed_transposed(const Product<Act>& p, const Weights& weights, Index in_blocks, Index begin, Index end) {
  TransposedPanel<Act> panel;
  alignas(64) Isa::F sums[kTransposedEntries][kBlock];
  for (Index block = begin; block < end; ++block)
    for (Index entry = 0; entry < p.num_entries; entry += kTransposedEntries) {
      const Index stop = entry + kTransposedEntries < p.num_entries ? entry + kTransposedEntries : p.num_entries;
      std::memset(sums, 0, sizeof sums[0] * static_cast<std::size_t>(stop - entry));
      for (Index first = 0; first < p.in; first += kPanelFeatures) {
        const Index last = first + kPanelFeatures < p.in ? first + kPanelFeatures : p.in;
        panel.decode(weights, in_blocks, block, first, last);
        add_panel(p, panel, first, last, entry, stop, sums);
      }
      for (Index at = entry; at < stop; ++at) {
        float* out = p.out + at * p.out_stride + block * kBlock;
        for (Index i = 0; i < kBlock; ++i) {
          const float value = lane_sum(sums[at - entry][i]);
          out[i] = p.adds ? out[i] + value : value;
        }
      }
    }
}

}  // namespace
}  // namespace gptoss
