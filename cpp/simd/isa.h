// Picks the instruction set that this compilation is for from the compiler's own macros.
//
// Each header supplies `struct Isa` with the same members:
//   kLanes                          floats in a vector
//   kAccumulators, kTokens          sums that a matrix product holds in registers; entries that share decoded weights
//   kHasBf16Dot                     whether bfloat16 activations are faster than the same values as floats
//   F fma(F a, F b, F c)            a * b + c (one rounding where the hardware has it)
//   F load(const float*), load(const Bf16*); store(float*, F), store(Bf16*, F)
//   Weights<Act> weights(Act, const Bf16*)                       32 weights for inputs Act
//   Weights<Act> mxfp4(Act, const uint8_t* block, uint8_t scale) the same from an MXFP4 block and its scale, exact
//   Panel<Act>                                                   what decoded weights are kept as:
//   store(Panel<Act>*, Weights<Act>); weights(Act, const Panel<Act>*)
//   F dot(F sum, const Weights<Act>&, const Act* x)              32 products, added lane by lane
#pragma once

#if defined(__AVX512BF16__) && defined(__AVX512VNNI__)
#include "simd/avx512vnni.h"
#elif defined(__AVX2__)
#include "simd/avx2.h"
#else
#include "simd/baseline.h"
#endif
