// Rotary position embedding, in place: value i of a head is paired with value i + head_dim / 2.
#pragma once

#include "simd/isa.h"

namespace gptoss {
namespace {

void rope(float* x, const float* cos, const float* sin, Index heads, Index head_dim, Index begin, Index end) {
  const Index half = head_dim / 2;
  for (Index token = begin; token < end; ++token) {
    const float* c = cos + token * half;
    const float* s = sin + token * half;
    for (Index head = 0; head < heads; ++head) {
      float* first = x + (token * heads + head) * head_dim;
      float* second = first + half;
      for (Index i = 0; i < half; ++i) {
        const float a = first[i], b = second[i];
        first[i] = a * c[i] - b * s[i];
        second[i] = b * c[i] + a * s[i];
      }
    }
  }
}

}  // namespace
}  // namespace gptoss
