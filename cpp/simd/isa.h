// Picks the instruction set that this compilation is for from the compiler's own macros.
//
// Each header supplies `struct Isa` with the same members:
//   kLanes                          floats in a vector
//   kAccumulators, kTokens          sums that a matrix product holds in registers; entries that share decoded weights
//   kHasBf16Dot                     whether bfloat16 is multiplied in pairs; dispatch.cpp says where that is faster
//   F fma(F a, F b, F c)            a * b + c (one rounding where the hardware has it)
//   F load(const float*), load(const Bf16*); store(float*, F), store(Bf16*, F)
//   Weights<Act> weights(Act, const Bf16*)                       32 weights for inputs Act
//   F dot(F sum, const Weights<Act>&, const Act* x)              32 products, added lane by lane
// and for cached keys and values in eight bits, which lie in pairs (kernels/attention_int8.h):
//   Word<int8_t> load_pairs(const int8_t*)                       a pair for each lane, widened to sixteen bits
//   I dot_pair(I sum, Word<int8_t>, const int16_t* x)            both products with the pair x, added lane by lane
// and for packed weights, a vector's lanes being features (kernels/packed_matmul.h):
//   kMemoryVectors, kMemoryTokens, kPanelVectors, kPanelTokens   tiles, for weights in memory and for decoded ones
//   kPrefetches<Weights>                                         whether memory is asked for ahead
//   Word<Act>, kWords<Weights, Act>                              a decoded vector; how many make a quarter of a block
//   kHasOrigins                                                  whether `start` takes scales as origins, and adds to
//   them quarter(weights, Act, const uint8_t* p, Word<Act>*)          decodes a quarter F load_scales(const Scale*), U
//   load_exponents(const uint8_t*) a vector of scales; of their E8M0 bytes auto start(weights, F scale, const Act*),
//   dot(weights, sum, words, const Act* x, z)
//                                                                the sum of a block: its beginning, and + a quarter
//   I whole(weights, sum, const Act*)                            the whole number that a sum of eight-bit products is
#pragma once

#if defined(__AVX512BF16__) && defined(__AVX512VNNI__)
#include "simd/avx512vnni.h"
#elif defined(__AVX2__)
#include "simd/avx2.h"
#else
#include "simd/baseline.h"
#endif
