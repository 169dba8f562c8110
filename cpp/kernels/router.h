// Which experts a token goes to, and the weighted sum of what they return.
#pragma once

#include "kernels/exp.h"

namespace gptoss {
namespace {

// `ids` and `weights` serve as the sorted list of the best so far. A NaN never displaces anything, so that ids stay
// in range whatever a broken checkpoint computes.
void route(const float* logits, std::int32_t* ids, float* weights, Index experts, Index k, Index begin, Index end) {
  for (Index row = begin; row < end; ++row) {
    const float* logit = logits + row * experts;
    std::int32_t* id = ids + row * k;
    float* best = weights + row * k;
    Index count = 0;
    for (Index expert = 0; expert < experts; ++expert) {
      if (count == k && !(logit[expert] > best[k - 1])) continue;
      Index at = count < k ? count++ : k - 1;
      for (; at > 0 && logit[expert] > best[at - 1]; --at) {
        best[at] = best[at - 1];
        id[at] = id[at - 1];
      }
      best[at] = logit[expert];
      id[at] = static_cast<std::int32_t>(expert);
    }
    const float largest = best[0];
    float total = 0.0f;
    for (Index j = 0; j < k; ++j) total += best[j] = exp(best[j] - largest);
    for (Index j = 0; j < k; ++j) best[j] /= total;
  }
}

// Columns [begin, end), whole vectors.
void combine(const Combination& c, Index begin, Index end) {
  for (Index row = c.first_row; row < c.last_row; ++row) {
    for (Index i = begin; i < end; i += Isa::kLanes) {
      Isa::F sum = Isa::load(c.out + row * c.width + i);
      for (Index j = 0; j < c.k; ++j) {
        const Isa::F value = Isa::load(c.x + c.entries[row * c.k + j] * c.width + i);
        sum = Isa::fma(Isa::set1(c.weights[row * c.k + j]), value, sum);
      }
      Isa::store(c.out + row * c.width + i, sum);
    }
  }
}

}  // namespace
}  // namespace gptoss
