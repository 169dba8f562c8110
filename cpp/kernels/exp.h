// exp(x) for a vector: 2^n * e^r with |r| <= ln 2 / 2, to about 1 unit in the last place of the result.
#pragma once

#include "simd/isa.h"

namespace gptoss {
namespace {

// The parts of e^x: a polynomial, and the power of two that it counts.
struct ExpParts {
  Isa::F value;
  Isa::I exponent;
};

constexpr float kLowestExp = -87.3365f, kHighestExp = 88.7228f;

GPTOSS_INLINE ExpParts exp_parts(Isa::F x) {
  using F = Isa::F;
  // Adding 1.5 * 2^23 rounds to a whole number, which then lies in the low bits.
  const F magic = Isa::set1(12582912.0f);
  const F shifted = Isa::fma(x, Isa::set1(1.44269504f), magic);
  const F n = shifted - magic;
  // ln 2 in two parts: the first has trailing zeros, so n times it is exact.
  F r = Isa::fma(n, Isa::set1(-0.693359375f), x);
  r = Isa::fma(n, Isa::set1(2.12194440e-4f), r);
  // Taylor coefficients to r^7; the remainder is under 2^-26 at |r| = 0.347.
  F p = Isa::set1(1.0f / 5040.0f);
  p = Isa::fma(p, r, Isa::set1(1.0f / 720.0f));
  p = Isa::fma(p, r, Isa::set1(1.0f / 120.0f));
  p = Isa::fma(p, r, Isa::set1(1.0f / 24.0f));
  p = Isa::fma(p, r, Isa::set1(1.0f / 6.0f));
  p = Isa::fma(p, r, Isa::set1(0.5f));
  p = Isa::fma(p, r, Isa::set1(1.0f));
  p = Isa::fma(p, r, Isa::set1(1.0f));
  return {p, (Isa::I)shifted - (Isa::I)magic};
}

// Results below the smallest normal float become 0, above the largest infinity; NaN stays NaN.
GPTOSS_INLINE Isa::F exp(Isa::F x) {
  using F = Isa::F;
  const F lowest = Isa::set1(kLowestExp), highest = Isa::set1(kHighestExp);
  const auto [p, exponent] = exp_parts(Isa::max(Isa::min(x, highest), lowest));
  // In two steps, because 2^128 alone is no float although e^88.7 is.
  const Isa::I half = exponent >> 1;
  const F low = (F)((half + 127) << 23), high = (F)((exponent - half + 127) << 23);
  F result = p * low * high;
  result = x < lowest ? Isa::set1(0.0f) : result;
  result = x > highest ? Isa::set1(bits_to_float(0x7f800000u)) : result;
  return x == x ? result : x;
}

// The same, to the bit, of what is not above zero: about two thirds of the work.
GPTOSS_INLINE Isa::F exp_down(Isa::F x) {
  const auto is_low = x < Isa::set1(kLowestExp);
  const auto [p, exponent] = exp_parts(is_low ? Isa::set1(kLowestExp) : x);
  return is_low ? Isa::set1(0.0f) : p * (Isa::F)((exponent + 127) << 23);
}

// 2^x of what is not above zero, to 3 * 2^-24 of it: half the work. Results below the smallest normal float become 0.
GPTOSS_INLINE Isa::F exp2_down(Isa::F x) {
  using F = Isa::F;
  const F magic = Isa::set1(12582912.0f), lowest = Isa::set1(-126.0f);
  const auto is_low = x < lowest;
  const F inside = is_low ? lowest : x, shifted = inside + magic;
  const F r = inside - (shifted - magic);
  // The polynomial of 2^r, 1 at 0, whose largest relative error for |r| <= 0.5 is least: 1.5 * 2^-24.
  F p = Isa::set1(0.001326472614891827f);
  p = Isa::fma(p, r, Isa::set1(0.009671512991189957f));
  p = Isa::fma(p, r, Isa::set1(0.05550733581185341f));
  p = Isa::fma(p, r, Isa::set1(0.24022242426872253f));
  p = Isa::fma(p, r, Isa::set1(0.6931470036506653f));
  p = Isa::fma(p, r, Isa::set1(1.0f));
  const Isa::I exponent = (Isa::I)shifted - (Isa::I)magic;
  return is_low ? Isa::set1(0.0f) : p * (F)((exponent + 127) << 23);
}

GPTOSS_INLINE float exp(float x) { return exp(Isa::set1(x))[0]; }

}  // namespace
}  // namespace gptoss
