// Writes the keys and values of new tokens to their slots in the cache.
#pragma once

#include "simd/isa.h"

namespace gptoss {
namespace {

template <class Cached>
void store_kv(const NewKeyValues<Cached>& n, Index begin, Index end) {
  for (Index token = begin; token < end; ++token) {
    const Index slot = static_cast<Index>(n.slots[token]);
    const Index page = slot / n.page_size, offset = slot % n.page_size;
    for (Index head = 0; head < n.kv_heads; ++head) {
      const Index from = (token * n.kv_heads + head) * n.head_dim;
      const Index key = ((page * 2 * n.kv_heads + head) * n.page_size + offset) * n.head_dim;
      const Index value = key + n.kv_heads * n.page_size * n.head_dim;
      for (Index d = 0; d < n.head_dim; d += Isa::kLanes) {
        Isa::store(n.pages + key + d, Isa::load(n.keys + from + d));
        Isa::store(n.pages + value + d, Isa::load(n.values + from + d));
      }
    }
  }
}

}  // namespace
}  // namespace gptoss
