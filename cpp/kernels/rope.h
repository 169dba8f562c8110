// Rotary position embedding of new queries and keys, in place, and new keys and values into the cache. Value i of a
// head is paired with value i + head_dim / 2.
#pragma once

#include "kernels/to_int8.h"

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

// A key and a value of a head to the place `offset` of its page.
template <class Cached>
GPTOSS_INLINE void store_row(const float* key, const float* value, Cached* keys, Cached* values, Index offset,
                             Index page_size, Index head_dim) {
  for (Index d = 0; d < head_dim; d += Isa::kLanes) {
    Cached rounded[Isa::kLanes];
    Isa::store(rounded, Isa::load(key + d));
    for (Index i = 0; i < Isa::kLanes; ++i) keys[(d + i) * page_size + offset] = rounded[i];
    Isa::store(values + offset * head_dim + d, Isa::load(value + d));
  }
}

// A row to eight bits; returns what one is worth.
GPTOSS_INLINE float round_row(const float* x, std::int8_t* out, Index head_dim) {
  const Step step = step_of(largest_magnitude(x, head_dim), 127.0f, kSmallestInt8);
  for (Index d = 0; d < head_dim; d += Isa::kLanes) {
    const Isa::I value = whole(Isa::load(x + d) * Isa::set1(step.inverse));
    store_whole(out + d, is_nan(step.size) ? Isa::I{} : value);
  }
  return step.size;
}

GPTOSS_INLINE void store_row(const float* key, const float* value, std::int8_t* keys, std::int8_t* values, Index offset,
                             Index page_size, Index head_dim) {
  const Index scale = page_size * head_dim + offset * kScaleBytes<std::int8_t>;
  std::int8_t rounded[kMaxHeadDim];
  const float key_scale = round_row(key, rounded, head_dim);
  std::memcpy(keys + scale, &key_scale, sizeof key_scale);
  for (Index d = 0; d < head_dim; ++d) keys[(d / 2 * page_size + offset) * 2 + d % 2] = rounded[d];
  const float value_scale = round_row(value, rounded, head_dim);
  std::memcpy(values + scale, &value_scale, sizeof value_scale);
  for (Index d = 0; d < head_dim; ++d) values[(offset / 2 * head_dim + d) * 2 + offset % 2] = rounded[d];
}

template <class Cached>
void rope_store(const NewTokens<Cached>& n, Index begin, Index end) {
  const Index half = n.head_dim / 2, half_page = n.page_size * (n.head_dim + kScaleBytes<Cached>);
  for (Index token = begin; token < end; ++token) {
    float* row = n.qkv + token * (n.heads + 2 * n.kv_heads) * n.head_dim;
    for (Index head = 0; head < n.heads + n.kv_heads; ++head)
      rotate(row + head * n.head_dim, n.cos + token * half, n.sin + token * half, half);
    const Index slot = static_cast<Index>(n.slots[token]);
    const Index page = slot / n.page_size, offset = slot % n.page_size;
    for (Index head = 0; head < n.kv_heads; ++head) {
      const float* key = row + (n.heads + head) * n.head_dim;
      Cached* keys = n.pages + (page * 2 * n.kv_heads + head) * half_page;
      store_row(key, key + n.kv_heads * n.head_dim, keys, keys + n.kv_heads * half_page, offset, n.page_size,
                n.head_dim);
    }
  }
}

}  // namespace
}  // namespace gptoss
