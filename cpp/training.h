// The training kernels of a backend's instruction set, spread over its thread pool: what Python sees as `Training`.
#pragma once

#include "backend.h"

namespace gptoss {

class Training {
 public:
  // Lives no longer than `backend`.
  explicit Training(Backend& backend) : kernels_(training_table(backend.kernels())), pool_(backend.pool()) {}

  // Products with the transposes of weights. `product.in` counts out-features, and grouped.out inputs.
  template <class Act>
  void mxfp4_transposed(const GroupedProduct<Act>& grouped, const PackedMxfp4& weights);
  void int8_transposed(const Product<float>& product, const PackedInt8& weights, Index in);
  void bf16_transposed(const Product<float>& product, const Bf16* weight, Index in);
  void add_product(const FloatProduct& product);
  void swiglu_gradient(const float* gate_up, const float* d_out, float* d_gate_up, Index rows, Index width,
                       Swiglu swiglu);
  void attention(const SampleAttention& attention);
  void attention_gradient(const SampleAttentionGradient& gradient);

 private:
  const TrainingKernels* kernels_;
  ThreadPool& pool_;
};

}  // namespace gptoss
