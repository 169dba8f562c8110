// Arrays that come from Python: checks of shapes, dtypes and indices, and the arguments of kernels that they make.
//
// A check that fails is a fault of the calling Python code, so it raises ValueError; users never see it.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <optional>
#include <vector>

#include "backend.h"

namespace nb = nanobind;

namespace gptoss {
namespace {

template <class T, int Dims>
using Array = nb::ndarray<T, nb::ndim<Dims>, nb::c_contig, nb::device::cpu>;

// bfloat16 crosses the boundary as uint16 bits, for which NumPy has a type.
using Bits = std::uint16_t;

template <class T>
struct Stored {
  using Type = T;
};
template <>
struct Stored<Bits> {
  using Type = Bf16;
};

// As do eight-bit activations, as bytes.
template <>
struct Stored<std::uint8_t> {
  using Type = Int8Block;
};

// What a cache of T is made of: eight-bit pages are not made of blocks.
template <class T>
struct CachedAs : Stored<T> {};
template <>
struct CachedAs<std::uint8_t> {
  using Type = std::int8_t;
};

// Rows of one stretch each, which need not follow each other.
using Rows = nb::ndarray<float, nb::ndim<2>, nb::device::cpu>;

template <class T>
auto* data(T* p) {
  if constexpr (std::is_const_v<T>)
    return reinterpret_cast<const typename Stored<std::remove_const_t<T>>::Type*>(p);
  else
    return reinterpret_cast<typename Stored<T>::Type*>(p);
}

void require(bool holds, const char* what) {
  if (!holds) throw nb::value_error(what);
}

template <class T>
auto* cached(T* p) {
  if constexpr (std::is_const_v<T>)
    return reinterpret_cast<const typename CachedAs<std::remove_const_t<T>>::Type*>(p);
  else
    return reinterpret_cast<typename CachedAs<T>::Type*>(p);
}

template <class A>
Index size(const A& array, std::size_t axis) {
  return static_cast<Index>(array.shape(axis));
}

template <class A>
void require_between(const A& array, Index low, Index high, const char* what) {
  for (std::size_t i = 0; i < array.size(); ++i)
    if (array.data()[i] < low || array.data()[i] >= high) throw nb::value_error(what);
}

// Inputs of a matrix product, by its activations.
template <class Act>
Index inputs(const Array<const Act, 2>& x) {
  using Type = typename Stored<Act>::Type;
  constexpr Index kSize = static_cast<Index>(sizeof(Type) / sizeof(Act));
  require(size(x, 1) % kSize == 0, "matrix product: rows of x must be whole blocks");
  const Index in = size(x, 1) / kSize * kValues<Type>;
  require(in % kBlock == 0, "matrix product: in-features must be a multiple of 32");
  return in;
}

Index row_stride(const Rows& out) {
  require(out.stride(1) == 1 || size(out, 1) == 1, "matrix product: values of a row of out must be neighbours");
  return size(out, 0) > 1 ? static_cast<Index>(out.stride(0)) : size(out, 1);
}

// An output's rounded form, of any type that products take.
using RoundedOut = std::optional<nb::ndarray<nb::ndim<2>, nb::c_contig, nb::device::cpu>>;

inline Rounded rounded_of(const RoundedOut& out, Index rows, Index width) {
  Rounded rounded;
  if (!out) return rounded;
  require(size(*out, 0) == rows, "rounded has the wrong shape");
  if (out->dtype() == nb::dtype<std::uint8_t>()) {
    require(width % kBlock == 0 && size(*out, 1) == width / kBlock * static_cast<Index>(sizeof(Int8Block)),
            "rounded has the wrong shape");
    rounded.int8 = static_cast<Int8Block*>(out->data());
    return rounded;
  }
  require(size(*out, 1) == width, "rounded has the wrong shape");
  const bool is_bf16 = out->dtype() == nb::dtype<Bits>();
  require(is_bf16 || out->dtype() == nb::dtype<float>(), "rounded must be uint8, uint16 or float32");
  if (is_bf16)
    rounded.bf16 = static_cast<Bf16*>(out->data());
  else
    rounded.floats = static_cast<float*>(out->data());
  return rounded;
}

template <class Act>
auto dense(const Array<const Act, 2>& x, const std::optional<Array<const float, 1>>& bias, const Rows& out, bool add) {
  require(size(out, 0) == size(x, 0), "matmul: out has the wrong shape");
  require(!bias || size(*bias, 0) == size(out, 1), "matmul: bias has the wrong length");
  Product<typename Stored<Act>::Type> product = {
      data(x.data()), nullptr, size(x, 0), inputs(x), bias ? bias->data() : nullptr, out.data(), row_stride(out)};
  product.adds = add;
  return product;
}

// Entries of experts, sorted, times weights that make `features` of an input; a bias, where there is one, has been
// checked.
template <class Act>
auto entries_by_expert(const Array<const Act, 2>& x, const Array<const std::int32_t, 1>& rows,
                       const Array<const std::int32_t, 1>& offsets, const float* bias, const Array<float, 2>& out,
                       Index experts, Index features, const Swiglu& swiglu = {}) {
  const Index entries = size(rows, 0), width = swiglu.is_wanted ? features / 2 : features;
  const Index in = inputs(x);
  require(features % kBlock == 0, "expert product: out-features must be a multiple of 32");
  require(size(out, 0) == entries && size(out, 1) == width, "expert product: out has the wrong shape");
  require(experts <= kMaxExperts, "expert product: at most 1024 experts");
  require(size(offsets, 0) == experts + 1, "expert product: offsets must number experts + 1");
  require(offsets.data()[0] == 0 && offsets.data()[experts] == entries, "expert product: offsets must span entries");
  for (Index e = 0; e < experts; ++e)
    require(offsets.data()[e] <= offsets.data()[e + 1], "expert product: offsets must not fall");
  require_between(rows, 0, size(x, 0), "expert product: a row is outside x");
  using Type = typename Stored<Act>::Type;
  const Product<Type> product = {data(x.data()), rows.data(), entries, in, bias, out.data(), width, swiglu};
  return GroupedProduct<Type>{product, offsets.data(), experts, features};
}

template <class Act>
auto grouped(const Array<const Act, 2>& x, const Array<const std::int32_t, 1>& rows,
             const Array<const std::int32_t, 1>& offsets, const Array<const float, 2>& bias, const Array<float, 2>& out,
             Index experts, Index features, const Swiglu& swiglu = {}) {
  require(size(bias, 0) == experts && size(bias, 1) == features, "expert product: bias has the wrong shape");
  return entries_by_expert(x, rows, offsets, bias.data(), out, experts, features, swiglu);
}

template <class Act>
auto mxfp4(const Array<const Act, 2>& x, const Array<const std::int32_t, 1>& rows,
           const Array<const std::int32_t, 1>& offsets, const Array<const std::uint8_t, 4>& blocks,
           const Array<const std::uint8_t, 4>& scales, const Array<const float, 2>& bias, const Array<float, 2>& out,
           const Swiglu& swiglu = {}) {
  const Index experts = size(blocks, 0), groups = size(blocks, 1), num_blocks = size(blocks, 2);
  require(size(blocks, 3) == kGroup * kBlock / 2, "mxfp4_matmul: a block must have 256 bytes");
  require(num_blocks * kBlock == inputs(x), "mxfp4_matmul: x and blocks differ in in-features");
  require(size(scales, 0) == experts && size(scales, 1) == groups && size(scales, 2) == num_blocks &&
              size(scales, 3) == kGroup,
          "mxfp4_matmul: blocks and scales differ in shape");
  return grouped(x, rows, offsets, bias, out, experts, groups * kGroup, swiglu);
}

// Of each part, blocks (experts, rows, in / 32, 16) or scales (experts, rows, in / 32), of any strides.
using Parts = std::vector<nb::ndarray<const std::uint8_t, nb::device::cpu>>;

StoredMxfp4::Distances distances(const nb::ndarray<const std::uint8_t, nb::device::cpu>& array) {
  return {static_cast<Index>(array.stride(2)), static_cast<Index>(array.stride(1)),
          static_cast<Index>(array.stride(0))};
}

inline StoredMxfp4 stored_mxfp4(const Parts& blocks, const Parts& scales, bool is_paired) {
  const Index num_parts = static_cast<Index>(blocks.size());
  require(0 < num_parts && num_parts <= kMostParts && blocks.size() == scales.size(),
          "pack_mxfp4: blocks and scales must be of one part or of two");
  StoredMxfp4 stored = {};
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    require(blocks[i].ndim() == 4 && size(blocks[i], 3) == kBlock / 2 && blocks[i].stride(3) == 1,
            "pack_mxfp4: a block must be sixteen neighbours");
    require(scales[i].ndim() == 3, "pack_mxfp4: scales must have three dimensions");
    for (std::size_t axis = 0; axis < 3; ++axis)
      require(size(blocks[i], axis) == size(blocks[0], axis) && size(scales[i], axis) == size(blocks[0], axis) &&
                  blocks[i].stride(axis) == blocks[0].stride(axis) && scales[i].stride(axis) == scales[0].stride(axis),
              "pack_mxfp4: blocks and scales differ in shape, or parts in strides");
    stored.parts[i] = {blocks[i].data(), scales[i].data()};
  }
  stored.of_blocks = distances(blocks[0]);
  stored.of_scales = distances(scales[0]);
  stored.num_parts = num_parts;
  stored.experts = size(blocks[0], 0);
  stored.features = size(blocks[0], 1) * num_parts;
  stored.num_blocks = size(blocks[0], 2);
  stored.is_paired = is_paired;
  require(stored.features % kGroup == 0, "pack_mxfp4: features must be a multiple of 16");
  return stored;
}

inline Combination combination(const Array<const float, 2>& x, const Array<const std::int32_t, 2>& entries,
                               const Array<const float, 2>& weights, const Array<float, 2>& out) {
  const Index tokens = size(entries, 0), k = size(entries, 1), width = size(out, 1);
  require(width % kBlock == 0, "combine: width must be a multiple of 32");
  require(size(x, 1) == width && size(out, 0) == tokens, "combine: shapes differ");
  require(size(weights, 0) == tokens && size(weights, 1) == k, "combine: entries and weights differ in shape");
  require_between(entries, 0, size(x, 0), "combine: an entry is outside expert_out");
  return {x.data(), entries.data(), weights.data(), out.data(), 0, tokens, k, width};
}

// Slots of a page.
template <class Cached, class Pages>
Index page_size(const Pages& pages, Index kv_heads, Index head_dim) {
  require(head_dim % 16 == 0 && 0 < head_dim && head_dim <= kMaxHeadDim,
          "head_dim must be a multiple of 16, at most 128");
  const Index row = head_dim + kScaleBytes<Cached>, slots = size(pages, 3) / row;
  require(size(pages, 1) == 2 && size(pages, 2) == kv_heads && slots * row == size(pages, 3),
          "pages must be (pages, 2, kv_heads, page_size * head_dim), or in eight bits page_size * (head_dim + 4)");
  require(0 < slots && slots <= kMaxPageSize && slots % kPageMultiple == 0 && kTile % slots == 0,
          "page_size must be 16, 32 or 64");
  return slots;
}

// That all pages which a query sees are there.
template <class Cached>
void require_visible(const Attention<Cached>& a, Index num_sequences, Index num_pages) {
  for (Index token = 0; token < a.tokens; ++token) {
    const Index sequence = a.sequence_index[token], position = static_cast<Index>(a.positions[token]);
    require(0 <= sequence && sequence < num_sequences, "attention: a sequence has no page table");
    require(0 <= position && position < a.max_pages * a.page_size, "attention: a position is outside the page table");
    const Index start = a.window > 0 && position + 1 > a.window ? position + 1 - a.window : 0;
    const std::int32_t* table = a.page_table + sequence * a.max_pages;
    for (Index page = start / a.page_size; page <= position / a.page_size; ++page)
      require(0 <= table[page] && table[page] < num_pages, "attention: a visible page is absent");
  }
}

}  // namespace
}  // namespace gptoss
