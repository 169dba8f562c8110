// The Python module: checks shapes, dtypes and indices, releases the GIL, calls the backend. No logic.
//
// A check that fails is a fault of the calling Python code, so it raises ValueError; users never see it.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <optional>
#include <string>

#include "backend.h"

namespace nb = nanobind;
using namespace nb::literals;

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

template <class Work>
void without_gil(const Work& work) {
  const nb::gil_scoped_release release;
  work();
}

const Kernels* choose(const std::optional<std::string>& isa) {
  if (!isa) return runnable_tables().back();
  const Kernels* table = find_table(*isa);
  if (!table) throw nb::value_error("this machine cannot run that instruction set");
  return table;
}

template <class Out>
void to_bf16(Backend& self, Array<const float, 2> x, Array<Out, 2> out) {
  require(x.size() == out.size(), "to_bf16: x and out must have the same size");
  without_gil([&] { self.to_bf16(x.data(), data(out.data()), static_cast<Index>(x.size())); });
}

void to_int8(Backend& self, Array<const float, 2> x, Array<std::uint8_t, 2> out) {
  require(size(x, 1) % kBlock == 0, "to_int8: width must be a multiple of 32");
  const Index blocks = size(x, 0) * (size(x, 1) / kBlock);
  require(size(out, 0) == size(x, 0) && static_cast<Index>(out.size() / sizeof(Int8Block)) == blocks,
          "to_int8: out has the wrong shape");
  without_gil([&] { self.to_int8(x.data(), data(out.data()), blocks); });
}

// An output's rounded form, of any type that products take.
using RoundedOut = std::optional<nb::ndarray<nb::ndim<2>, nb::c_contig, nb::device::cpu>>;

Rounded rounded_of(const RoundedOut& out, Index rows, Index width) {
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

void rms_norm(Backend& self, Array<const float, 2> x, Array<const float, 1> weight, Array<float, 2> out, float eps,
              RoundedOut rounded) {
  const Index rows = size(x, 0), width = size(x, 1);
  require(width % kBlock == 0, "rms_norm: width must be a multiple of 32");
  require(size(weight, 0) == width && size(out, 0) == rows && size(out, 1) == width, "rms_norm: shapes differ");
  const Rounded also = rounded_of(rounded, rows, width);
  without_gil([&] { self.rms_norm(x.data(), weight.data(), out.data(), rows, width, eps, also); });
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

template <class Act>
void matmul(Backend& self, Array<const Act, 2> x, Array<const Bits, 2> weight,
            std::optional<Array<const float, 1>> bias, Rows out, bool add) {
  const auto product = dense(x, bias, out, add);
  require(size(weight, 1) == product.in, "matmul: x and weight differ in in-features");
  require(size(out, 1) == size(weight, 0), "matmul: out has the wrong shape");
  without_gil([&] { self.matmul(product, data(weight.data()), size(weight, 0)); });
}

template <class Act>
void int8_matmul(Backend& self, Array<const Act, 2> x, Array<const std::uint8_t, 3> blocks, Array<const Bits, 3> scales,
                 std::optional<Array<const float, 1>> bias, Rows out, bool add) {
  const auto product = dense(x, bias, out, add);
  const Index groups = size(blocks, 0), num_blocks = size(blocks, 1), features = size(out, 1);
  require(size(blocks, 2) == kGroup * kBlock, "int8_matmul: a block must have 512 bytes");
  require(num_blocks * kBlock == product.in, "int8_matmul: x and blocks differ in in-features");
  require(size(scales, 0) == groups && size(scales, 1) == num_blocks && size(scales, 2) == kGroup,
          "int8_matmul: blocks and scales differ in shape");
  require((features + kGroup - 1) / kGroup == groups, "int8_matmul: out has the wrong shape");
  without_gil([&] { self.int8_matmul(product, PackedInt8{blocks.data(), data(scales.data())}, features); });
}

template <class Act>
auto grouped(const Array<const Act, 2>& x, const Array<const std::int32_t, 1>& rows,
             const Array<const std::int32_t, 1>& offsets, const Array<const float, 2>& bias, const Array<float, 2>& out,
             Index experts, Index features, const Swiglu* swiglu = nullptr) {
  const Index entries = size(rows, 0), width = swiglu ? features / 2 : features;
  const Index in = inputs(x);
  require(features % kBlock == 0, "expert product: out-features must be a multiple of 32");
  require(size(out, 0) == entries && size(out, 1) == width, "expert product: out has the wrong shape");
  require(size(bias, 0) == experts && size(bias, 1) == features, "expert product: bias has the wrong shape");
  require(experts <= kMaxExperts, "expert product: at most 1024 experts");
  require(size(offsets, 0) == experts + 1, "expert product: offsets must number experts + 1");
  require(offsets.data()[0] == 0 && offsets.data()[experts] == entries, "expert product: offsets must span entries");
  for (Index e = 0; e < experts; ++e)
    require(offsets.data()[e] <= offsets.data()[e + 1], "expert product: offsets must not fall");
  require_between(rows, 0, size(x, 0), "expert product: a row is outside x");
  using Type = typename Stored<Act>::Type;
  const Product<Type> product = {data(x.data()), rows.data(), entries, in, bias.data(), out.data(), width, swiglu};
  return GroupedProduct<Type>{product, offsets.data(), experts, features};
}

template <class Act>
auto mxfp4(const Array<const Act, 2>& x, const Array<const std::int32_t, 1>& rows,
           const Array<const std::int32_t, 1>& offsets, const Array<const std::uint8_t, 4>& blocks,
           const Array<const std::uint8_t, 4>& scales, const Array<const float, 2>& bias, const Array<float, 2>& out,
           const Swiglu* swiglu = nullptr) {
  const Index experts = size(blocks, 0), groups = size(blocks, 1), num_blocks = size(blocks, 2);
  require(size(blocks, 3) == kGroup * kBlock / 2, "mxfp4_matmul: a block must have 256 bytes");
  require(num_blocks * kBlock == inputs(x), "mxfp4_matmul: x and blocks differ in in-features");
  require(size(scales, 0) == experts && size(scales, 1) == groups && size(scales, 2) == num_blocks &&
              size(scales, 3) == kGroup,
          "mxfp4_matmul: blocks and scales differ in shape");
  return grouped(x, rows, offsets, bias, out, experts, groups * kGroup, swiglu);
}

Combination combination(const Array<const float, 2>& x, const Array<const std::int32_t, 2>& entries,
                        const Array<const float, 2>& weights, const Array<float, 2>& out) {
  const Index tokens = size(entries, 0), k = size(entries, 1), width = size(out, 1);
  require(width % kBlock == 0, "combine: width must be a multiple of 32");
  require(size(x, 1) == width && size(out, 0) == tokens, "combine: shapes differ");
  require(size(weights, 0) == tokens && size(weights, 1) == k, "combine: entries and weights differ in shape");
  require_between(entries, 0, size(x, 0), "combine: an entry is outside expert_out");
  return {x.data(), entries.data(), weights.data(), out.data(), 0, tokens, k, width};
}

template <class Act>
void mxfp4_matmul(Backend& self, Array<const Act, 2> x, Array<const std::int32_t, 1> rows,
                  Array<const std::int32_t, 1> offsets, Array<const std::uint8_t, 4> blocks,
                  Array<const std::uint8_t, 4> scales, Array<const float, 2> bias, Array<float, 2> out) {
  const auto product = mxfp4(x, rows, offsets, blocks, scales, bias, out);
  without_gil([&] { self.mxfp4_matmul(product, PackedMxfp4{blocks.data(), scales.data()}); });
}

template <class Act>
void mxfp4_combine(Backend& self, Array<const Act, 2> x, Array<const std::int32_t, 1> rows,
                   Array<const std::int32_t, 1> offsets, Array<const std::uint8_t, 4> blocks,
                   Array<const std::uint8_t, 4> scales, Array<const float, 2> bias, Array<float, 2> expert_out,
                   Array<const std::int32_t, 2> entries, Array<const float, 2> weights, Array<float, 2> out) {
  const auto product = mxfp4(x, rows, offsets, blocks, scales, bias, expert_out);
  const Combination sums = combination(Array<const float, 2>(expert_out), entries, weights, out);
  without_gil([&] { self.mxfp4_combine(product, PackedMxfp4{blocks.data(), scales.data()}, sums); });
}

template <class Act>
void mxfp4_swiglu(Backend& self, Array<const Act, 2> x, Array<const std::int32_t, 1> rows,
                  Array<const std::int32_t, 1> offsets, Array<const std::uint8_t, 4> blocks,
                  Array<const std::uint8_t, 4> scales, Array<const float, 2> bias, Array<float, 2> out, float alpha,
                  float limit, RoundedOut rounded) {
  const Swiglu swiglu = {alpha, limit};
  const auto product = mxfp4(x, rows, offsets, blocks, scales, bias, out, &swiglu);
  const Rounded also = rounded_of(rounded, size(out, 0), size(out, 1));
  without_gil([&] { self.mxfp4_matmul(product, PackedMxfp4{blocks.data(), scales.data()}, also); });
}

void pack_mxfp4(Backend& self, Array<const std::uint8_t, 4> blocks, Array<const std::uint8_t, 3> scales,
                Array<std::uint8_t, 4> out, Array<std::uint8_t, 4> out_scales) {
  const Index experts = size(blocks, 0), features = size(blocks, 1), num_blocks = size(blocks, 2);
  require(size(blocks, 3) == kBlock / 2 && features % kGroup == 0, "pack_mxfp4: blocks has the wrong shape");
  require(size(scales, 0) == experts && size(scales, 1) == features && size(scales, 2) == num_blocks,
          "pack_mxfp4: blocks and scales differ in shape");
  require(out.size() == blocks.size() && out_scales.size() == scales.size(), "pack_mxfp4: out has the wrong shape");
  without_gil([&] {
    self.pack_mxfp4(blocks.data(), scales.data(), experts * features / kGroup, num_blocks, out.data(),
                    out_scales.data());
  });
}

void pack_int8(Backend& self, Array<const Bits, 2> weight, Array<std::uint8_t, 3> out, Array<Bits, 3> scales) {
  const Index features = size(weight, 0), groups = (features + kGroup - 1) / kGroup, blocks = size(weight, 1) / kBlock;
  require(size(weight, 1) % kBlock == 0, "pack_int8: in-features must be a multiple of 32");
  require(size(out, 0) == groups && size(out, 1) == blocks && size(out, 2) == kGroup * kBlock,
          "pack_int8: out has the wrong shape");
  require(size(scales, 0) == groups && size(scales, 1) == blocks && size(scales, 2) == kGroup,
          "pack_int8: scales has the wrong shape");
  without_gil([&] { self.pack_int8(data(weight.data()), features, blocks, out.data(), data(scales.data())); });
}

template <class Act>
void expert_matmul(Backend& self, Array<const Act, 2> x, Array<const std::int32_t, 1> rows,
                   Array<const std::int32_t, 1> offsets, Array<const Bits, 3> weight, Array<const float, 2> bias,
                   Array<float, 2> out) {
  require(size(weight, 1) == size(x, 1), "expert_matmul: x and weight differ in in-features");
  const auto product = grouped(x, rows, offsets, bias, out, size(weight, 0), size(weight, 2));
  without_gil([&] { self.expert_matmul(product, data(weight.data())); });
}

void swiglu(Backend& self, Array<const float, 2> gate_up, Array<float, 2> out, float alpha, float limit,
            RoundedOut rounded) {
  const Index rows = size(out, 0), width = size(out, 1);
  require(width % kBlock == 0, "swiglu: width must be a multiple of 32");
  require(size(gate_up, 0) == rows && size(gate_up, 1) == 2 * width, "swiglu: shapes differ");
  const Rounded also = rounded_of(rounded, rows, width);
  without_gil([&] { self.swiglu(gate_up.data(), out.data(), rows, width, alpha, limit, also); });
}

void route(Backend& self, Array<const float, 2> logits, Array<std::int32_t, 2> ids, Array<float, 2> weights) {
  const Index tokens = size(logits, 0), experts = size(logits, 1), k = size(ids, 1);
  require(0 < k && k <= experts, "route: k must be between 1 and the number of experts");
  require(size(ids, 0) == tokens && size(weights, 0) == tokens && size(weights, 1) == k, "route: shapes differ");
  without_gil([&] { self.route(logits.data(), ids.data(), weights.data(), tokens, experts, k); });
}

void combine(Backend& self, Array<const float, 2> expert_out, Array<const std::int32_t, 2> entries,
             Array<const float, 2> weights, Array<float, 2> out) {
  const Combination sums = combination(expert_out, entries, weights, out);
  without_gil([&] { self.combine(sums); });
}

void assign(Backend& self, Array<const std::int32_t, 2> ids, Array<std::int32_t, 1> rows,
            Array<std::int32_t, 1> offsets, Array<std::int32_t, 2> entries) {
  const Index tokens = size(ids, 0), k = size(ids, 1), experts = size(offsets, 0) - 1;
  require(0 < experts && experts <= kMaxExperts, "assign: offsets must number experts + 1, at most 1025");
  require(size(rows, 0) == tokens * k && size(entries, 0) == tokens && size(entries, 1) == k,
          "assign: rows or entries has the wrong shape");
  require_between(ids, 0, experts, "assign: there is no such expert");
  self.assign({ids.data(), rows.data(), offsets.data(), entries.data(), tokens, k, experts});
}

// Slots of a page.
template <class Pages>
Index page_size(const Pages& pages, Index kv_heads, Index head_dim) {
  require(head_dim % 16 == 0 && 0 < head_dim && head_dim <= kMaxHeadDim,
          "head_dim must be a multiple of 16, at most 128");
  const Index slots = size(pages, 3) / head_dim;
  require(size(pages, 1) == 2 && size(pages, 2) == kv_heads && slots * head_dim == size(pages, 3),
          "pages must be (pages, 2, kv_heads, page_size * head_dim)");
  require(0 < slots && slots <= kMaxPageSize && slots % kPageMultiple == 0,
          "page_size must be a multiple of 16, at most 64");
  return slots;
}

template <class Cached>
void rope_store(Backend& self, Array<float, 3> qkv, Array<const float, 2> cos, Array<const float, 2> sin,
                Array<Cached, 4> pages, Array<const std::int64_t, 1> slots) {
  const Index tokens = size(qkv, 0), kv_heads = size(pages, 2), head_dim = size(qkv, 2);
  const Index heads = size(qkv, 1) - 2 * kv_heads;
  require(heads > 0, "rope_store: qkv must have queries, keys and values");
  const Index slots_per_page = page_size(pages, kv_heads, head_dim);
  for (const auto* table : {&cos, &sin})
    require(size(*table, 0) == tokens && size(*table, 1) == head_dim / 2,
            "rope_store: cos and sin have the wrong shape");
  require(size(slots, 0) == tokens, "rope_store: one slot is needed for each token");
  require_between(slots, 0, size(pages, 0) * slots_per_page, "rope_store: a slot is outside the pages");
  const NewTokens<typename Stored<Cached>::Type> added = {
      qkv.data(), cos.data(), sin.data(), data(pages.data()), slots.data(), heads, kv_heads, head_dim, slots_per_page};
  without_gil([&] { self.rope_store(added, tokens); });
}

template <class Cached>
void attention(Backend& self, Array<const float, 3> query, Array<const Cached, 4> pages,
               Array<const std::int32_t, 2> page_table, Array<const std::int32_t, 1> sequence_index,
               Array<const std::int64_t, 1> positions, Array<const float, 1> sinks, Array<float, 3> out, Index window,
               float scale, RoundedOut rounded) {
  const Index tokens = size(query, 0), heads = size(out, 1), head_dim = size(query, 2);
  const Index kv_heads = size(pages, 2), max_pages = size(page_table, 1);
  const Index slots = page_size(pages, kv_heads, head_dim);
  require(kv_heads > 0 && heads % kv_heads == 0 && heads / kv_heads <= kMaxGroup,
          "attention: heads must be a multiple of kv_heads, at most 64 times");
  require(size(out, 0) == tokens && size(query, 1) >= heads && size(out, 2) == head_dim,
          "attention: query and out differ in shape");
  require(size(sequence_index, 0) == tokens && size(positions, 0) == tokens && size(sinks, 0) == heads,
          "attention: sequence_index, positions or sinks has the wrong length");
  require_between(sequence_index, 0, size(page_table, 0), "attention: a sequence has no page table");
  require_between(positions, 0, max_pages * slots, "attention: a position is outside the page table");
  for (Index token = 0; token < tokens; ++token) {
    const Index position = static_cast<Index>(positions.data()[token]);
    const Index start = window > 0 && position + 1 > window ? position + 1 - window : 0;
    const std::int32_t* table = page_table.data() + sequence_index.data()[token] * max_pages;
    for (Index page = start / slots; page <= position / slots; ++page)
      require(0 <= table[page] && table[page] < size(pages, 0), "attention: a visible page is absent");
  }
  const Attention<typename Stored<Cached>::Type> arguments = {query.data(),
                                                              data(pages.data()),
                                                              page_table.data(),
                                                              sequence_index.data(),
                                                              positions.data(),
                                                              sinks.data(),
                                                              out.data(),
                                                              tokens,
                                                              size(query, 1),
                                                              heads,
                                                              kv_heads,
                                                              head_dim,
                                                              slots,
                                                              max_pages,
                                                              window,
                                                              scale};
  const Rounded also = rounded_of(rounded, tokens, heads * head_dim);
  without_gil([&] { self.attention(arguments, also); });
}

std::uint64_t read_words(Backend& self, Array<const std::uint64_t, 1> words) {
  std::uint64_t sum = 0;
  without_gil([&] { sum = self.read_words(words.data(), size(words, 0)); });
  return sum;
}

double multiply(Backend& self, Index rounds, bool as_bf16) {
  require(rounds > 0, "multiply: rounds must be at least 1");
  double operations = 0;
  without_gil([&] { operations = self.multiply(rounds, as_bf16); });
  return operations;
}

nb::tuple isas() {
  nb::list names;
  for (const Kernels* table : runnable_tables()) names.append(table->name);
  return nb::tuple(names);
}

}  // namespace

NB_MODULE(_kernels, module) {
  module.doc() = "The C++ kernels; gptoss.kernels documents them.";
  module.def("isas", &isas, "Instruction sets that this machine can run, slowest first.");
  nb::class_<Backend>(module, "Backend")
      .def(
          "__init__",
          [](Backend* self, std::optional<std::string> isa, int threads) {
            require(threads > 0, "threads must be at least 1");
            new (self) Backend(choose(isa), threads);
          },
          nb::kw_only(), "isa"_a = nb::none(), "threads"_a)
      .def_prop_ro("isa", &Backend::isa)
      .def_prop_ro("threads", &Backend::num_threads)
      .def_prop_ro("has_bf16_dot", &Backend::has_bf16_dot)
      .def("to_bf16", &to_bf16<Bits>, "x"_a.noconvert(), "out"_a.noconvert())
      .def("to_bf16", &to_bf16<float>, "x"_a.noconvert(), "out"_a.noconvert())
      .def("to_int8", &to_int8, "x"_a.noconvert(), "out"_a.noconvert())
      .def("rms_norm", &rms_norm, "x"_a.noconvert(), "weight"_a.noconvert(), "out"_a.noconvert(), nb::kw_only(),
           "eps"_a, "rounded"_a = nb::none())
      .def("matmul", &matmul<float>, "x"_a.noconvert(), "weight"_a.noconvert(), "bias"_a.noconvert().none(),
           "out"_a.noconvert(), nb::kw_only(), "add"_a = false)
      .def("matmul", &matmul<Bits>, "x"_a.noconvert(), "weight"_a.noconvert(), "bias"_a.noconvert().none(),
           "out"_a.noconvert(), nb::kw_only(), "add"_a = false)
      .def("int8_matmul", &int8_matmul<float>, "x"_a.noconvert(), "blocks"_a.noconvert(), "scales"_a.noconvert(),
           "bias"_a.noconvert().none(), "out"_a.noconvert(), nb::kw_only(), "add"_a = false)
      .def("int8_matmul", &int8_matmul<Bits>, "x"_a.noconvert(), "blocks"_a.noconvert(), "scales"_a.noconvert(),
           "bias"_a.noconvert().none(), "out"_a.noconvert(), nb::kw_only(), "add"_a = false)
      .def("int8_matmul", &int8_matmul<std::uint8_t>, "x"_a.noconvert(), "blocks"_a.noconvert(), "scales"_a.noconvert(),
           "bias"_a.noconvert().none(), "out"_a.noconvert(), nb::kw_only(), "add"_a = false)
      .def("mxfp4_matmul", &mxfp4_matmul<float>, "x"_a.noconvert(), "rows"_a.noconvert(), "offsets"_a.noconvert(),
           "blocks"_a.noconvert(), "scales"_a.noconvert(), "bias"_a.noconvert(), "out"_a.noconvert())
      .def("mxfp4_swiglu", &mxfp4_swiglu<float>, "x"_a.noconvert(), "rows"_a.noconvert(), "offsets"_a.noconvert(),
           "blocks"_a.noconvert(), "scales"_a.noconvert(), "bias"_a.noconvert(), "out"_a.noconvert(), nb::kw_only(),
           "alpha"_a, "limit"_a, "rounded"_a = nb::none())
      .def("mxfp4_matmul", &mxfp4_matmul<Bits>, "x"_a.noconvert(), "rows"_a.noconvert(), "offsets"_a.noconvert(),
           "blocks"_a.noconvert(), "scales"_a.noconvert(), "bias"_a.noconvert(), "out"_a.noconvert())
      .def("mxfp4_swiglu", &mxfp4_swiglu<Bits>, "x"_a.noconvert(), "rows"_a.noconvert(), "offsets"_a.noconvert(),
           "blocks"_a.noconvert(), "scales"_a.noconvert(), "bias"_a.noconvert(), "out"_a.noconvert(), nb::kw_only(),
           "alpha"_a, "limit"_a, "rounded"_a = nb::none())
      .def("mxfp4_matmul", &mxfp4_matmul<std::uint8_t>, "x"_a.noconvert(), "rows"_a.noconvert(),
           "offsets"_a.noconvert(), "blocks"_a.noconvert(), "scales"_a.noconvert(), "bias"_a.noconvert(),
           "out"_a.noconvert())
      .def("mxfp4_swiglu", &mxfp4_swiglu<std::uint8_t>, "x"_a.noconvert(), "rows"_a.noconvert(),
           "offsets"_a.noconvert(), "blocks"_a.noconvert(), "scales"_a.noconvert(), "bias"_a.noconvert(),
           "out"_a.noconvert(), nb::kw_only(), "alpha"_a, "limit"_a, "rounded"_a = nb::none())
      .def("mxfp4_combine", &mxfp4_combine<float>, "x"_a.noconvert(), "rows"_a.noconvert(), "offsets"_a.noconvert(),
           "blocks"_a.noconvert(), "scales"_a.noconvert(), "bias"_a.noconvert(), "expert_out"_a.noconvert(),
           "entries"_a.noconvert(), "weights"_a.noconvert(), "out"_a.noconvert())
      .def("mxfp4_combine", &mxfp4_combine<Bits>, "x"_a.noconvert(), "rows"_a.noconvert(), "offsets"_a.noconvert(),
           "blocks"_a.noconvert(), "scales"_a.noconvert(), "bias"_a.noconvert(), "expert_out"_a.noconvert(),
           "entries"_a.noconvert(), "weights"_a.noconvert(), "out"_a.noconvert())
      .def("mxfp4_combine", &mxfp4_combine<std::uint8_t>, "x"_a.noconvert(), "rows"_a.noconvert(),
           "offsets"_a.noconvert(), "blocks"_a.noconvert(), "scales"_a.noconvert(), "bias"_a.noconvert(),
           "expert_out"_a.noconvert(), "entries"_a.noconvert(), "weights"_a.noconvert(), "out"_a.noconvert())
      .def("pack_mxfp4", &pack_mxfp4, "blocks"_a.noconvert(), "scales"_a.noconvert(), "out"_a.noconvert(),
           "out_scales"_a.noconvert())
      .def("pack_int8", &pack_int8, "weight"_a.noconvert(), "out"_a.noconvert(), "scales"_a.noconvert())
      .def("expert_matmul", &expert_matmul<float>, "x"_a.noconvert(), "rows"_a.noconvert(), "offsets"_a.noconvert(),
           "weight"_a.noconvert(), "bias"_a.noconvert(), "out"_a.noconvert())
      .def("expert_matmul", &expert_matmul<Bits>, "x"_a.noconvert(), "rows"_a.noconvert(), "offsets"_a.noconvert(),
           "weight"_a.noconvert(), "bias"_a.noconvert(), "out"_a.noconvert())
      .def("swiglu", &swiglu, "gate_up"_a.noconvert(), "out"_a.noconvert(), nb::kw_only(), "alpha"_a, "limit"_a,
           "rounded"_a = nb::none())
      .def("route", &route, "logits"_a.noconvert(), "expert_ids"_a.noconvert(), "weights"_a.noconvert())
      .def("assign", &assign, "expert_ids"_a.noconvert(), "rows"_a.noconvert(), "offsets"_a.noconvert(),
           "entries"_a.noconvert())
      .def("combine", &combine, "expert_out"_a.noconvert(), "entries"_a.noconvert(), "weights"_a.noconvert(),
           "out"_a.noconvert())
      .def("read_words", &read_words, "words"_a.noconvert())
      .def("multiply", &multiply, "rounds"_a, nb::kw_only(), "as_bf16"_a)
      .def("rope_store", &rope_store<float>, "qkv"_a.noconvert(), "cos"_a.noconvert(), "sin"_a.noconvert(),
           "pages"_a.noconvert(), "slots"_a.noconvert())
      .def("rope_store", &rope_store<Bits>, "qkv"_a.noconvert(), "cos"_a.noconvert(), "sin"_a.noconvert(),
           "pages"_a.noconvert(), "slots"_a.noconvert())
      .def("attention", &attention<float>, "query"_a.noconvert(), "pages"_a.noconvert(), "page_table"_a.noconvert(),
           "sequence_index"_a.noconvert(), "positions"_a.noconvert(), "sinks"_a.noconvert(), "out"_a.noconvert(),
           nb::kw_only(), "window"_a, "scale"_a, "rounded"_a = nb::none())
      .def("attention", &attention<Bits>, "query"_a.noconvert(), "pages"_a.noconvert(), "page_table"_a.noconvert(),
           "sequence_index"_a.noconvert(), "positions"_a.noconvert(), "sinks"_a.noconvert(), "out"_a.noconvert(),
           nb::kw_only(), "window"_a, "scale"_a, "rounded"_a = nb::none());
}

}  // namespace gptoss
