// Rotary position embedding of new queries and keys, in place, and new keys and values into the cache. Value i of a
// head is paired with value i + head_dim / 2.
#pragma once

#include "simd/isa.h"

namespace gptoss {
namespace {

GPTOSS_INLINE void rotate(float* head, const float* cos, const float* sin, Index half) {
  float* second = head + half;
  for (Index i = 0; i < half; ++i) {
    const float a = head[i], b = second[i];
    head[i] = a * cos[i] - b * sin[i];
    second[i] = b * cos[i] + a * sin[i];
  }
}

template <class Cached>
void rope_store(const NewTokens<Cached>& n, Index begin, Index end) {
  const Index half = n.head_dim / 2, page_values = n.page_size * n.head_dim;
  for (Index token = begin; token < end; ++token) {
    float* row = n.qkv + token * (n.heads + 2 * n.kv_heads) * n.head_dim;
    for (Index head = 0; head < n.heads + n.kv_heads; ++head)
      rotate(row + head * n.head_dim, n.cos + token * half, n.sin + token * half, half);
    const Index slot = static_cast<Index>(n.slots[token]);
    const Index page = slot / n.page_size, offset = slot % n.page_size;
    for (Index head = 0; head < n.kv_heads; ++head) {
      const float* key = row + (n.heads + head) * n.head_dim;
      const float* value = key + n.kv_heads * n.head_dim;
      Cached* keys = n.pages + (page * 2 * n.kv_heads + head) * page_values;
      Cached* values = keys + n.kv_heads * page_values + offset * n.head_dim;
      for (Index d = 0; d < n.head_dim; d += Isa::kLanes) {
        Cached rounded[Isa::kLanes];
        Isa::store(rounded, Isa::load(key + d));
        for (Index i = 0; i < Isa::kLanes; ++i) keys[(d + i) * n.page_size + offset] = rounded[i];
        Isa::store(values + d, Isa::load(value + d));
      }
    }
  }
}

}  // namespace
}  // namespace gptoss
