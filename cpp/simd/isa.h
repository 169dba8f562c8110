// Picks the instruction set that this compilation is for from the compiler's own macros.
//
// Each header supplies `struct Isa` with the same members:
//   kLanes                          floats in a vector
//   kRows, kTokens                  tile of a matrix product: output features x entries held in registers
//   F fma(F a, F b, F c)            a * b + c (one rounding where the hardware has it)
//   F load(const float*), load(const Bf16*); store(float*, F), store(Bf16*, F)
//   Weights<Act> weights(Act, const Bf16*), mxfp4(Act, const uint8_t*)     32 weights for inputs Act; MXFP4 doubled
//   F dot(F sum, const Weights<Act>&, const Act* x)                        32 products, added lane by lane
#pragma once

#if defined(__AVX512BF16__) && defined(__AVX512VNNI__)
#include "simd/avx512vnni.h"
#elif defined(__AVX2__)
#include "simd/avx2.h"
#else
#include "simd/baseline.h"
#endif
