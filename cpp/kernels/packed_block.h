// The blocks of packed weights, and what is multiplied by them.
#pragma once

#include "simd/isa.h"

namespace gptoss {
namespace {

// A block is cut into quarters, of eight inputs each.
constexpr Index kQuarters = 4;

constexpr Index block_bytes(const PackedMxfp4*) { return 256; }
constexpr Index block_bytes(const PackedInt8*) { return 512; }

template <class Act>
GPTOSS_INLINE const Act* input(const Product<Act>& p, Index entry) {
  return p.x + (p.rows ? p.rows[entry] : entry) * (p.in / kValues<Act>);
}

}  // namespace
}  // namespace gptoss
