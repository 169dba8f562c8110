// Counts that the compiler knows, so that sums of a tile live in registers.
#pragma once

#include <type_traits>

#include "simd/vector.h"

namespace gptoss {
namespace {

template <int Value>
using Constant = std::integral_constant<int, Value>;

// Calls work with min(count, Most) as a constant.
template <int Most, class Work>
GPTOSS_INLINE void with_constant(Index count, const Work& work) {
  if (count >= Most)
    work(Constant<Most>{});
  else if constexpr (Most > 1)
    with_constant<Most - 1>(count, work);
}

}  // namespace
}  // namespace gptoss
