// What this machine can do at most, to hold the other kernels against: reading memory, and multiplying in registers.
#pragma once

#include "kernels/lanes.h"

namespace gptoss {
namespace {

// The sum of words [begin, end), modulo 2^64: little work for each byte, so that memory is the limit.
std::uint64_t read_words(const std::uint64_t* words, Index begin, Index end) {
  constexpr Index kStreams = 8;
  std::uint64_t sum[kStreams * 8] = {};
  Index i = begin;
  for (; i + kStreams * 8 <= end; i += kStreams * 8) {
    // Four kilobytes ahead, as the products do.
    for (Index line = 0; line < kStreams; ++line) __builtin_prefetch(words + i + 512 + line * 8);
    for (Index lane = 0; lane < kStreams * 8; ++lane) sum[lane] += words[i + lane];
  }
  for (; i < end; ++i) sum[0] += words[i];
  for (Index lane = 1; lane < kStreams * 8; ++lane) sum[0] += sum[lane];
  return sum[0];
}

// So many rounds of kPeakProducts products with kBlock inputs each, all in registers; returns their sum.
template <class Act>
float multiply(Index rounds) {
  alignas(64) const Act x[kBlock] = {};
  alignas(64) const Bf16 w[kBlock] = {};
  auto weights = Isa::weights(x, w);
  Isa::F sum[kPeakProducts] = {};
  for (Index round = 0; round < rounds; ++round) {
    // Nothing is known of the weights between rounds, or the loop would be left out.
    asm volatile("" : "+m"(weights));
    GPTOSS_UNROLL for (Index i = 0; i < kPeakProducts; ++i) sum[i] = Isa::dot(sum[i], weights, x);
  }
  float total = 0.0f;
  for (Index i = 0; i < kPeakProducts; ++i) total += lane_sum(sum[i]);
  return total;
}

// As much with MXFP4 weights and eight-bit inputs, decoded before; a tile of whole blocks takes kLanes rounds.
float multiply_int8(Index rounds) {
  const PackedMxfp4 format = {};
  alignas(64) const std::uint8_t codes[256] = {};
  Int8Block x = {};
  Isa::Word<Int8Block> words[Isa::kWords<PackedMxfp4, Int8Block>];
  Isa::quarter(format, &x, codes, words);
  decltype(Isa::start(format, Isa::F{}, &x)) sum[kPeakProducts];
  for (auto& one : sum) one = Isa::start(format, Isa::F{}, &x);
  for (Index round = 0; round < rounds; round += Isa::kLanes) {
    asm volatile("" : "+m"(x));
    GPTOSS_UNROLL for (Index i = 0; i < kPeakProducts; ++i) {
      // Nothing is known of the weights between products, or one would do for all sums.
#if defined(__x86_64__)
      asm volatile("" : "+x"(words[0]), "+x"(words[1]));
#else
      asm volatile("" : "+m"(words));
#endif
      GPTOSS_UNROLL for (Index z = 0; z < kBlock / 8; ++z) sum[i] = Isa::dot(format, sum[i], words, &x, z);
    }
  }
  std::int32_t total = 0;
  for (Index i = 0; i < kPeakProducts; ++i) total += lane_sum(Isa::whole(format, sum[i], &x));
  return static_cast<float>(total);
}

}  // namespace
}  // namespace gptoss
