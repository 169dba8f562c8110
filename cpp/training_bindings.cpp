// The training kernels in the Python module. No logic but checks of arrays.

#include "training_bindings.h"

#include "arguments.h"
#include "training.h"

using namespace nb::literals;

namespace gptoss {
namespace {

template <class Work>
void without_gil(const Work& work) {
  const nb::gil_scoped_release release;
  work();
}

template <class Act>
void mxfp4_transposed(Training& self, Array<const Act, 2> x, Array<const std::int32_t, 1> rows,
                      Array<const std::int32_t, 1> offsets, Array<const std::uint8_t, 4> blocks,
                      Array<const std::uint8_t, 4> scales, Array<float, 2> out) {
  const Index experts = size(blocks, 0), groups = size(blocks, 1), num_blocks = size(blocks, 2);
  require(size(blocks, 3) == kGroup * kBlock / 2, "mxfp4_transposed: a block must have 256 bytes");
  require(size(scales, 0) == experts && size(scales, 1) == groups && size(scales, 2) == num_blocks &&
              size(scales, 3) == kGroup,
          "mxfp4_transposed: blocks and scales differ in shape");
  require(size(x, 1) == groups * kGroup, "mxfp4_transposed: x and blocks differ in out-features");
  const auto product = entries_by_expert(x, rows, offsets, nullptr, out, experts, num_blocks * kBlock);
  without_gil([&] { self.mxfp4_transposed(product, PackedMxfp4{blocks.data(), scales.data()}); });
}

Product<float> transposed(const Array<const float, 2>& x, const Rows& out, bool add) {
  require(size(out, 0) == size(x, 0), "transposed product: x and out differ in rows");
  require(size(out, 1) % kBlock == 0, "transposed product: in-features must be a multiple of 32");
  Product<float> product = {x.data(), nullptr, size(x, 0), size(x, 1), nullptr, out.data(), row_stride(out)};
  product.adds = add;
  return product;
}

void int8_transposed(Training& self, Array<const float, 2> x, Array<const std::uint8_t, 3> blocks,
                     Array<const Bits, 3> scales, Rows out, bool add) {
  const Product<float> product = transposed(x, out, add);
  const Index groups = size(blocks, 0), num_blocks = size(blocks, 1);
  require(size(blocks, 2) == kGroup * kBlock, "int8_transposed: a block must have 512 bytes");
  require(size(scales, 0) == groups && size(scales, 1) == num_blocks && size(scales, 2) == kGroup,
          "int8_transposed: blocks and scales differ in shape");
  require(product.in == groups * kGroup, "int8_transposed: x must have the out-features of whole groups");
  require(size(out, 1) == num_blocks * kBlock, "int8_transposed: out has the wrong shape");
  without_gil(
      [&] { self.int8_transposed(product, PackedInt8{blocks.data(), data(scales.data())}, num_blocks * kBlock); });
}

void bf16_transposed(Training& self, Array<const float, 2> x, Array<const Bits, 2> weight, Rows out, bool add) {
  const Product<float> product = transposed(x, out, add);
  require(size(weight, 0) == product.in, "bf16_transposed: x and weight differ in out-features");
  require(size(weight, 1) == size(out, 1), "bf16_transposed: out has the wrong shape");
  without_gil([&] { self.bf16_transposed(product, data(weight.data()), size(weight, 1)); });
}

using Strided = nb::ndarray<const float, nb::ndim<2>, nb::device::cpu>;

void add_product(Training& self, Strided a, Strided b, Rows out) {
  const Index rows = size(out, 0), columns = size(out, 1), steps = size(a, 1);
  require(size(a, 0) == rows && size(b, 0) == steps && size(b, 1) == columns, "add_product: shapes differ");
  require(columns % kGroup == 0, "add_product: columns must be a multiple of 16");
  require(b.stride(1) == 1, "add_product: values of a row of b must be neighbours");
  const Index stride = static_cast<Index>(b.stride(0));
  const FloatProduct product = {a.data(),
                                static_cast<Index>(a.stride(0)),
                                static_cast<Index>(a.stride(1)),
                                b.data(),
                                stride,
                                out.data(),
                                row_stride(out),
                                rows,
                                columns,
                                steps};
  without_gil([&] { self.add_product(product); });
}

void swiglu_gradient(Training& self, Array<const float, 2> gate_up, Array<const float, 2> d_out,
                     Array<float, 2> d_gate_up, float alpha, float limit) {
  const Index rows = size(d_out, 0), width = size(d_out, 1);
  require(width % kBlock == 0, "swiglu_gradient: width must be a multiple of 32");
  for (const Index width_of : {size(gate_up, 1), size(d_gate_up, 1)})
    require(width_of == 2 * width, "swiglu_gradient: shapes differ");
  require(size(gate_up, 0) == rows && size(d_gate_up, 0) == rows, "swiglu_gradient: shapes differ");
  without_gil([&] {
    self.swiglu_gradient(gate_up.data(), d_out.data(), d_gate_up.data(), rows, width, Swiglu{alpha, limit, true});
  });
}

SampleAttention attended(const Array<const float, 3>& qkv, const Array<const std::int32_t, 1>& starts,
                         const Array<const float, 1>& sinks, float* out, float* log_sums, Index window, float scale) {
  const Index tokens = size(qkv, 0), heads = size(sinks, 0), samples = size(starts, 0) - 1, head_dim = size(qkv, 2);
  const Index kv_heads = (size(qkv, 1) - heads) / 2;
  require(head_dim % 16 == 0 && 0 < head_dim && head_dim <= kMaxHeadDim,
          "attention: head_dim must be a multiple of 16, at most 128");
  require(kv_heads > 0 && heads + 2 * kv_heads == size(qkv, 1) && heads % kv_heads == 0 &&
              heads / kv_heads <= kMaxGroup && heads > 0,
          "attention: heads must be a multiple of kv_heads, at most 64 times, and qkv must have heads + 2 * kv_heads");
  require(samples >= 0 && starts.data()[0] == 0 && starts.data()[samples] == tokens,
          "attention: starts must go from 0 to the number of tokens");
  for (Index i = 0; i < samples; ++i)
    require(starts.data()[i] < starts.data()[i + 1], "attention: a sample must have a token");
  require(window >= 0, "attention: window must not be negative");
  return {qkv.data(), starts.data(), sinks.data(), out,      log_sums, tokens,
          samples,    heads,         kv_heads,     head_dim, window,   scale};
}

template <class A, class B>
void require_like(const A& out, const B& log_sums, const SampleAttention& a) {
  require(size(out, 0) == a.tokens && size(out, 1) == a.heads && size(out, 2) == a.head_dim,
          "attention: out or d_out has the wrong shape");
  require(size(log_sums, 0) == a.tokens && size(log_sums, 1) == a.heads,
          "attention: log_sums or shares has the wrong shape");
}

void attention(Training& self, Array<const float, 3> qkv, Array<const std::int32_t, 1> starts,
               Array<const float, 1> sinks, Array<float, 3> out, Array<float, 2> log_sums, Index window, float scale) {
  const SampleAttention a = attended(qkv, starts, sinks, out.data(), log_sums.data(), window, scale);
  require_like(out, log_sums, a);
  without_gil([&] { self.attention(a); });
}

void attention_gradient(Training& self, Array<const float, 3> qkv, Array<const std::int32_t, 1> starts,
                        Array<const float, 1> sinks, Array<float, 3> out, Array<float, 2> log_sums,
                        Array<const float, 3> d_out, Array<float, 2> shares, Array<float, 3> d_qkv,
                        Array<float, 1> d_sinks, Index window, float scale) {
  const SampleAttention a = attended(qkv, starts, sinks, out.data(), log_sums.data(), window, scale);
  require_like(out, log_sums, a);
  require_like(d_out, shares, a);
  require(size(d_qkv, 0) == a.tokens && size(d_qkv, 1) == size(qkv, 1) && size(d_qkv, 2) == a.head_dim &&
              size(d_sinks, 0) == a.heads,
          "attention_gradient: d_qkv or d_sinks has the wrong shape");
  const SampleAttentionGradient gradient = {a, d_out.data(), shares.data(), d_qkv.data(), d_sinks.data()};
  without_gil([&] { self.attention_gradient(gradient); });
}

}  // namespace

void bind_training(nb::module_& module) {
  nb::class_<Training>(module, "Training")
      .def("mxfp4_transposed", &mxfp4_transposed<float>, "x"_a.noconvert(), "rows"_a.noconvert(),
           "offsets"_a.noconvert(), "blocks"_a.noconvert(), "scales"_a.noconvert(), "out"_a.noconvert())
      .def("mxfp4_transposed", &mxfp4_transposed<Bits>, "x"_a.noconvert(), "rows"_a.noconvert(),
           "offsets"_a.noconvert(), "blocks"_a.noconvert(), "scales"_a.noconvert(), "out"_a.noconvert())
      .def("int8_transposed", &int8_transposed, "x"_a.noconvert(), "blocks"_a.noconvert(), "scales"_a.noconvert(),
           "out"_a.noconvert(), nb::kw_only(), "add"_a = false)
      .def("bf16_transposed", &bf16_transposed, "x"_a.noconvert(), "weight"_a.noconvert(), "out"_a.noconvert(),
           nb::kw_only(), "add"_a = false)
      .def("add_product", &add_product, "a"_a.noconvert(), "b"_a.noconvert(), "out"_a.noconvert())
      .def("swiglu_gradient", &swiglu_gradient, "gate_up"_a.noconvert(), "d_out"_a.noconvert(),
           "d_gate_up"_a.noconvert(), nb::kw_only(), "alpha"_a, "limit"_a)
      .def("attention", &attention, "qkv"_a.noconvert(), "starts"_a.noconvert(), "sinks"_a.noconvert(),
           "out"_a.noconvert(), "log_sums"_a.noconvert(), nb::kw_only(), "window"_a, "scale"_a)
      .def("attention_gradient", &attention_gradient, "qkv"_a.noconvert(), "starts"_a.noconvert(),
           "sinks"_a.noconvert(), "out"_a.noconvert(), "log_sums"_a.noconvert(), "d_out"_a.noconvert(),
           "shares"_a.noconvert(), "d_qkv"_a.noconvert(), "d_sinks"_a.noconvert(), nb::kw_only(), "window"_a,
           "scale"_a);
}

}  // namespace gptoss
