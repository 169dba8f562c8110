// The Python module: calls the backend with the arrays that arguments.h checks, without the GIL. No logic.

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <functional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "arguments.h"
#include "training.h"
#include "training_bindings.h"

using namespace nb::literals;

namespace gptoss {
namespace {

// Calls of kernels and the arrays that they were made with, to make them again.
class Recording {
 public:
  void add(std::function<void()> call) { calls_.push_back(std::move(call)); }
  void replay() const {
    for (const auto& call : calls_) call();
  }

 private:
  std::vector<std::function<void()>> calls_;
};

// What Python sees as `Backend`: adds its calls to a recording while there is one.
struct Recorder : Backend {
  using Backend::Backend;
  Recording* recording = nullptr;
};

template <class Work>
void without_gil(const Work& work) {
  const nb::gil_scoped_release release;
  work();
}

// Runs `work`, and records it with the arrays that it uses.
template <class Arrays, class Work>
void launch(Recorder& self, const Arrays& arrays, const Work& work) {
  if (self.recording) self.recording->add([work, arrays] { work(); });
  without_gil(work);
}

const Kernels* choose(const std::optional<std::string>& isa) {
  if (!isa) return runnable_tables().back();
  const Kernels* table = find_table(*isa);
  if (!table) throw nb::value_error("this machine cannot run that instruction set");
  return table;
}

template <class Out>
void to_bf16(Recorder& self, Array<const float, 2> x, Array<Out, 2> out) {
  require(x.size() == out.size(), "to_bf16: x and out must have the same size");
  launch(self, std::tuple(x, out),
         [=, &self] { self.to_bf16(x.data(), data(out.data()), static_cast<Index>(x.size())); });
}

void f16_to_bf16(Recorder& self, Array<const Bits, 2> x, Array<Bits, 2> out) {
  require(x.size() == out.size(), "f16_to_bf16: x and out must have the same size");
  launch(self, std::tuple(x, out),
         [=, &self] { self.f16_to_bf16(x.data(), data(out.data()), static_cast<Index>(x.size())); });
}

void q8_0_to_bf16(Recorder& self, Array<const std::uint8_t, 2> blocks, Array<Bits, 2> out) {
  require(size(out, 1) % kBlock == 0, "q8_0_to_bf16: width must be a multiple of 32");
  const Index num_blocks = size(out, 0) * (size(out, 1) / kBlock);
  require(size(blocks, 0) == size(out, 0) && static_cast<Index>(blocks.size()) == num_blocks * kQ80Bytes,
          "q8_0_to_bf16: blocks has the wrong shape");
  launch(self, std::tuple(blocks, out), [=, &self] { self.q8_0_to_bf16(blocks.data(), data(out.data()), num_blocks); });
}

void to_int8(Recorder& self, Array<const float, 2> x, Array<std::uint8_t, 2> out) {
  require(size(x, 1) % kBlock == 0, "to_int8: width must be a multiple of 32");
  const Index blocks = size(x, 0) * (size(x, 1) / kBlock);
  require(size(out, 0) == size(x, 0) && static_cast<Index>(out.size() / sizeof(Int8Block)) == blocks,
          "to_int8: out has the wrong shape");
  launch(self, std::tuple(x, out), [=, &self] { self.to_int8(x.data(), data(out.data()), blocks); });
}

void rms_norm(Recorder& self, Array<const float, 2> x, Array<const float, 1> weight, Array<float, 2> out, float eps,
              RoundedOut rounded) {
  const Index rows = size(x, 0), width = size(x, 1);
  require(width % kBlock == 0, "rms_norm: width must be a multiple of 32");
  require(size(weight, 0) == width && size(out, 0) == rows && size(out, 1) == width, "rms_norm: shapes differ");
  const Rounded also = rounded_of(rounded, rows, width);
  launch(self, std::tuple(x, weight, out, rounded),
         [=, &self] { self.rms_norm(x.data(), weight.data(), out.data(), rows, width, eps, also); });
}

template <class Act>
void matmul(Recorder& self, Array<const Act, 2> x, Array<const Bits, 2> weight,
            std::optional<Array<const float, 1>> bias, Rows out, bool add) {
  const auto product = dense(x, bias, out, add);
  require(size(weight, 1) == product.in, "matmul: x and weight differ in in-features");
  require(size(out, 1) == size(weight, 0), "matmul: out has the wrong shape");
  launch(self, std::tuple(x, weight, bias, out),
         [=, &self] { self.matmul(product, data(weight.data()), size(weight, 0)); });
}

template <class Act>
void int8_matmul(Recorder& self, Array<const Act, 2> x, Array<const std::uint8_t, 3> blocks,
                 Array<const Bits, 3> scales, std::optional<Array<const float, 1>> bias, Rows out, bool add) {
  const auto product = dense(x, bias, out, add);
  const Index groups = size(blocks, 0), num_blocks = size(blocks, 1), features = size(out, 1);
  require(size(blocks, 2) == kGroup * kBlock, "int8_matmul: a block must have 512 bytes");
  require(num_blocks * kBlock == product.in, "int8_matmul: x and blocks differ in in-features");
  require(size(scales, 0) == groups && size(scales, 1) == num_blocks && size(scales, 2) == kGroup,
          "int8_matmul: blocks and scales differ in shape");
  require((features + kGroup - 1) / kGroup == groups, "int8_matmul: out has the wrong shape");
  launch(self, std::tuple(x, blocks, scales, bias, out),
         [=, &self] { self.int8_matmul(product, PackedInt8{blocks.data(), data(scales.data())}, features); });
}

template <class Act>
void mxfp4_matmul(Recorder& self, Array<const Act, 2> x, Array<const std::int32_t, 1> rows,
                  Array<const std::int32_t, 1> offsets, Array<const std::uint8_t, 4> blocks,
                  Array<const std::uint8_t, 4> scales, Array<const float, 2> bias, Array<float, 2> out) {
  const auto product = mxfp4(x, rows, offsets, blocks, scales, bias, out);
  launch(self, std::tuple(x, rows, offsets, blocks, scales, bias, out),
         [=, &self] { self.mxfp4_matmul(product, PackedMxfp4{blocks.data(), scales.data()}); });
}

template <class Act>
void mxfp4_combine(Recorder& self, Array<const Act, 2> x, Array<const std::int32_t, 1> rows,
                   Array<const std::int32_t, 1> offsets, Array<const std::uint8_t, 4> blocks,
                   Array<const std::uint8_t, 4> scales, Array<const float, 2> bias, Array<float, 2> expert_out,
                   Array<const std::int32_t, 2> entries, Array<const float, 2> weights, Array<float, 2> out) {
  const auto product = mxfp4(x, rows, offsets, blocks, scales, bias, expert_out);
  const Combination sums = combination(Array<const float, 2>(expert_out), entries, weights, out);
  launch(self, std::tuple(x, rows, offsets, blocks, scales, bias, expert_out, entries, weights, out),
         [=, &self] { self.mxfp4_combine(product, PackedMxfp4{blocks.data(), scales.data()}, sums); });
}

template <class Act>
void mxfp4_swiglu(Recorder& self, Array<const Act, 2> x, Array<const std::int32_t, 1> rows,
                  Array<const std::int32_t, 1> offsets, Array<const std::uint8_t, 4> blocks,
                  Array<const std::uint8_t, 4> scales, Array<const float, 2> bias, Array<float, 2> out, float alpha,
                  float limit, RoundedOut rounded) {
  const Swiglu swiglu = {alpha, limit, true};
  const auto product = mxfp4(x, rows, offsets, blocks, scales, bias, out, swiglu);
  const Rounded also = rounded_of(rounded, size(out, 0), size(out, 1));
  launch(self, std::tuple(x, rows, offsets, blocks, scales, bias, out, rounded),
         [=, &self] { self.mxfp4_matmul(product, PackedMxfp4{blocks.data(), scales.data()}, also); });
}

void pack_mxfp4(Recorder& self, const Parts& blocks, const Parts& scales, bool is_paired, Array<std::uint8_t, 4> out,
                Array<std::uint8_t, 4> out_scales) {
  const StoredMxfp4 stored = stored_mxfp4(blocks, scales, is_paired);
  const Index groups = stored.features / kGroup;
  require(size(out, 0) == stored.experts && size(out, 1) == groups && size(out, 2) == stored.num_blocks &&
              size(out, 3) == kGroup * kBlock / 2,
          "pack_mxfp4: out has the wrong shape");
  require(size(out_scales, 0) == stored.experts && size(out_scales, 1) == groups &&
              size(out_scales, 2) == stored.num_blocks && size(out_scales, 3) == kGroup,
          "pack_mxfp4: out_scales has the wrong shape");
  launch(self, std::tuple(blocks, scales, out, out_scales),
         [=, &self] { self.pack_mxfp4(stored, out.data(), out_scales.data()); });
}

void pack_int8(Recorder& self, Array<const Bits, 2> weight, Array<std::uint8_t, 3> out, Array<Bits, 3> scales) {
  const Index features = size(weight, 0), groups = (features + kGroup - 1) / kGroup, blocks = size(weight, 1) / kBlock;
  require(size(weight, 1) % kBlock == 0, "pack_int8: in-features must be a multiple of 32");
  require(size(out, 0) == groups && size(out, 1) == blocks && size(out, 2) == kGroup * kBlock,
          "pack_int8: out has the wrong shape");
  require(size(scales, 0) == groups && size(scales, 1) == blocks && size(scales, 2) == kGroup,
          "pack_int8: scales has the wrong shape");
  launch(self, std::tuple(weight, out, scales),
         [=, &self] { self.pack_int8(data(weight.data()), features, blocks, out.data(), data(scales.data())); });
}

template <class Act>
void expert_matmul(Recorder& self, Array<const Act, 2> x, Array<const std::int32_t, 1> rows,
                   Array<const std::int32_t, 1> offsets, Array<const Bits, 3> weight, Array<const float, 2> bias,
                   Array<float, 2> out) {
  require(size(weight, 1) == size(x, 1), "expert_matmul: x and weight differ in in-features");
  const auto product = grouped(x, rows, offsets, bias, out, size(weight, 0), size(weight, 2));
  launch(self, std::tuple(x, rows, offsets, weight, bias, out),
         [=, &self] { self.expert_matmul(product, data(weight.data())); });
}

void swiglu(Recorder& self, Array<const float, 2> gate_up, Array<float, 2> out, float alpha, float limit,
            RoundedOut rounded) {
  const Index rows = size(out, 0), width = size(out, 1);
  require(width % kBlock == 0, "swiglu: width must be a multiple of 32");
  require(size(gate_up, 0) == rows && size(gate_up, 1) == 2 * width, "swiglu: shapes differ");
  const Rounded also = rounded_of(rounded, rows, width);
  launch(self, std::tuple(gate_up, out, rounded),
         [=, &self] { self.swiglu(gate_up.data(), out.data(), rows, width, alpha, limit, also); });
}

void route(Recorder& self, Array<const float, 2> logits, Array<std::int32_t, 2> ids, Array<float, 2> weights) {
  const Index tokens = size(logits, 0), experts = size(logits, 1), k = size(ids, 1);
  require(0 < k && k <= experts, "route: k must be between 1 and the number of experts");
  require(size(ids, 0) == tokens && size(weights, 0) == tokens && size(weights, 1) == k, "route: shapes differ");
  launch(self, std::tuple(logits, ids, weights),
         [=, &self] { self.route(logits.data(), ids.data(), weights.data(), tokens, experts, k); });
}

void combine(Recorder& self, Array<const float, 2> expert_out, Array<const std::int32_t, 2> entries,
             Array<const float, 2> weights, Array<float, 2> out) {
  const Combination sums = combination(expert_out, entries, weights, out);
  launch(self, std::tuple(expert_out, entries, weights, out), [=, &self] { self.combine(sums); });
}

void assign(Recorder& self, Array<const std::int32_t, 2> ids, Array<std::int32_t, 1> rows,
            Array<std::int32_t, 1> offsets, Array<std::int32_t, 2> entries) {
  const Index tokens = size(ids, 0), k = size(ids, 1), experts = size(offsets, 0) - 1;
  require(0 < experts && experts <= kMaxExperts, "assign: offsets must number experts + 1, at most 1025");
  require(size(rows, 0) == tokens * k && size(entries, 0) == tokens && size(entries, 1) == k,
          "assign: rows or entries has the wrong shape");
  require_between(ids, 0, experts, "assign: there is no such expert");
  const Assignment assignment = {ids.data(), rows.data(), offsets.data(), entries.data(), tokens, k, experts};
  launch(self, std::tuple(ids, rows, offsets, entries), [=, &self] { self.assign(assignment); });
}

template <class Cached>
void rope_store(Recorder& self, Array<float, 3> qkv, Array<const float, 2> cos, Array<const float, 2> sin,
                Array<Cached, 4> pages, Array<const std::int64_t, 1> slots) {
  const Index tokens = size(qkv, 0), kv_heads = size(pages, 2), head_dim = size(qkv, 2);
  const Index heads = size(qkv, 1) - 2 * kv_heads;
  require(heads > 0, "rope_store: qkv must have queries, keys and values");
  using Type = typename CachedAs<Cached>::Type;
  const Index slots_per_page = page_size<Type>(pages, kv_heads, head_dim);
  for (const auto* table : {&cos, &sin})
    require(size(*table, 0) == tokens && size(*table, 1) == head_dim / 2,
            "rope_store: cos and sin have the wrong shape");
  require(size(slots, 0) == tokens, "rope_store: one slot is needed for each token");
  const NewTokens<Type> added = {qkv.data(), cos.data(), sin.data(), cached(pages.data()), slots.data(),
                                 heads,      kv_heads,   head_dim,   slots_per_page};
  const Index num_slots = size(pages, 0) * slots_per_page;
  const auto work = [=, &self] {
    // What a replay finds here is new.
    require_between(slots, 0, num_slots, "rope_store: a slot is outside the pages");
    self.rope_store(added, tokens);
  };
  launch(self, std::tuple(qkv, cos, sin, pages, slots), work);
}

template <class Cached>
void attention(Recorder& self, Array<const float, 3> query, Array<const Cached, 4> pages,
               Array<const std::int32_t, 2> page_table, Array<const std::int32_t, 1> sequence_index,
               Array<const std::int64_t, 1> positions, Array<const float, 1> sinks, Array<float, 3> out, Index window,
               float scale, RoundedOut rounded) {
  const Index tokens = size(query, 0), heads = size(out, 1), head_dim = size(query, 2);
  const Index kv_heads = size(pages, 2), max_pages = size(page_table, 1);
  using Type = typename CachedAs<Cached>::Type;
  const Index slots = page_size<Type>(pages, kv_heads, head_dim);
  require(kv_heads > 0 && heads % kv_heads == 0 && heads / kv_heads <= kMaxGroup,
          "attention: heads must be a multiple of kv_heads, at most 64 times");
  require(size(out, 0) == tokens && size(query, 1) >= heads && size(out, 2) == head_dim,
          "attention: query and out differ in shape");
  require(size(sequence_index, 0) == tokens && size(positions, 0) == tokens && size(sinks, 0) == heads,
          "attention: sequence_index, positions or sinks has the wrong length");
  const Attention<Type> arguments = {query.data(),
                                     cached(pages.data()),
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
  const Index num_sequences = size(page_table, 0), num_pages = size(pages, 0);
  const auto work = [=, &self] {
    require_visible(arguments, num_sequences, num_pages);
    self.attention(arguments, also);
  };
  launch(self, std::tuple(query, pages, page_table, sequence_index, positions, sinks, out, rounded), work);
}

std::uint64_t read_words(Recorder& self, Array<const std::uint64_t, 1> words) {
  std::uint64_t sum = 0;
  without_gil([&] { sum = self.read_words(words.data(), size(words, 0)); });
  return sum;
}

double multiply(Recorder& self, Index rounds, const std::string& inputs) {
  require(rounds > 0, "multiply: rounds must be at least 1");
  require(inputs == "float32" || inputs == "bfloat16" || inputs == "int8",
          "multiply: inputs must be float32, bfloat16 or int8");
  const Rounding rounding = inputs == "int8"       ? Rounding::kInt8
                            : inputs == "bfloat16" ? Rounding::kBf16
                                                   : Rounding::kFloat;
  double operations = 0;
  without_gil([&] { operations = self.multiply(rounds, rounding); });
  return operations;
}

bool has_bf16_pairs(const std::string& isa) { return choose(isa)->has_bf16_dot; }

nb::tuple isas() {
  nb::list names;
  for (const Kernels* table : runnable_tables()) names.append(table->name);
  return nb::tuple(names);
}

}  // namespace

NB_MODULE(_kernels, module) {
  module.doc() = "The C++ kernels; gptoss.kernels documents them.";
  // What a thread or an error holds until the interpreter has ended is not lost, and pages about it frighten who ended
  // a program. The tests ask for them.
  nb::set_leak_warnings(false);
  module.def("report_leaks", &nb::set_leak_warnings, "is_wanted"_a, "Whether objects that outlive all are told of.");
  module.def("isas", &isas, "Instruction sets that this machine can run, slowest first.");
  module.def("has_bf16_pairs", &has_bf16_pairs, "Whether an instruction set multiplies bfloat16 in pairs.");
  nb::class_<Recording>(module, "Recording").def(nb::init<>()).def("replay", [](const Recording& self) {
    without_gil([&] { self.replay(); });
  });
  bind_training(module);
  nb::class_<Recorder>(module, "Backend")
      .def(
          "__init__",
          [](Recorder* self, std::optional<std::string> isa, int threads, std::optional<bool> bf16_pairs) {
            require(threads > 0, "threads must be at least 1");
            const Kernels* table = choose(isa);
            const bool in_pairs = bf16_pairs ? *bf16_pairs : has_fast_bf16_dot(table);
            require(table->has_bf16_dot || !in_pairs, "that instruction set multiplies no bfloat16 in pairs");
            new (self) Recorder(table, in_pairs, threads);
          },
          nb::kw_only(), "isa"_a = nb::none(), "threads"_a, "bf16_pairs"_a = nb::none())
      .def_prop_ro("isa", [](const Recorder& self) { return self.isa(); })
      .def_prop_ro("threads", [](const Recorder& self) { return self.num_threads(); })
      .def_prop_ro("bf16_pairs", [](const Recorder& self) { return self.bf16_pairs(); })
      .def("attends_in_pairs", [](const Recorder& self, Index page_size,
                                  Index head_dim) { return self.attends_in_pairs(page_size, head_dim); })
      // Uses the backend's threads.
      .def(
          "training", [](Recorder& self) { return Training(self); }, nb::keep_alive<0, 1>())
      .def(
          "record", [](Recorder& self, Recording* recording) { self.recording = recording; }, "recording"_a.none())
      .def("to_bf16", &to_bf16<Bits>, "x"_a.noconvert(), "out"_a.noconvert())
      .def("to_bf16", &to_bf16<float>, "x"_a.noconvert(), "out"_a.noconvert())
      .def("f16_to_bf16", &f16_to_bf16, "x"_a.noconvert(), "out"_a.noconvert())
      .def("q8_0_to_bf16", &q8_0_to_bf16, "blocks"_a.noconvert(), "out"_a.noconvert())
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
      .def("pack_mxfp4", &pack_mxfp4, "blocks"_a.noconvert(), "scales"_a.noconvert(), "is_paired"_a,
           "out"_a.noconvert(), "out_scales"_a.noconvert())
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
      .def("multiply", &multiply, "rounds"_a, nb::kw_only(), "inputs"_a)
      .def("rope_store", &rope_store<float>, "qkv"_a.noconvert(), "cos"_a.noconvert(), "sin"_a.noconvert(),
           "pages"_a.noconvert(), "slots"_a.noconvert())
      .def("rope_store", &rope_store<Bits>, "qkv"_a.noconvert(), "cos"_a.noconvert(), "sin"_a.noconvert(),
           "pages"_a.noconvert(), "slots"_a.noconvert())
      .def("rope_store", &rope_store<std::uint8_t>, "qkv"_a.noconvert(), "cos"_a.noconvert(), "sin"_a.noconvert(),
           "pages"_a.noconvert(), "slots"_a.noconvert())
      .def("attention", &attention<float>, "query"_a.noconvert(), "pages"_a.noconvert(), "page_table"_a.noconvert(),
           "sequence_index"_a.noconvert(), "positions"_a.noconvert(), "sinks"_a.noconvert(), "out"_a.noconvert(),
           nb::kw_only(), "window"_a, "scale"_a, "rounded"_a = nb::none())
      .def("attention", &attention<Bits>, "query"_a.noconvert(), "pages"_a.noconvert(), "page_table"_a.noconvert(),
           "sequence_index"_a.noconvert(), "positions"_a.noconvert(), "sinks"_a.noconvert(), "out"_a.noconvert(),
           nb::kw_only(), "window"_a, "scale"_a, "rounded"_a = nb::none())
      .def("attention", &attention<std::uint8_t>, "query"_a.noconvert(), "pages"_a.noconvert(),
           "page_table"_a.noconvert(), "sequence_index"_a.noconvert(), "positions"_a.noconvert(), "sinks"_a.noconvert(),
           "out"_a.noconvert(), nb::kw_only(), "window"_a, "scale"_a, "rounded"_a = nb::none());
}

}  // namespace gptoss
