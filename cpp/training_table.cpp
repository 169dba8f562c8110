// One table of training kernels; compiled once per instruction set, as table.cpp is.

#include "training/attention_gradient.h"
#include "training/dense_transposed.h"
#include "training/swiglu_gradient.h"
#include "training/transposed_matmul.h"
#include "training_kernels.h"

namespace gptoss::training {

extern const TrainingKernels GPTOSS_TABLE;

const TrainingKernels GPTOSS_TABLE = {
    .mxfp4_transposed_f32 = packed_transposed<float, PackedMxfp4>,
    .mxfp4_transposed_bf16 = packed_transposed<Bf16, PackedMxfp4>,
    .int8_transposed = packed_transposed<float, PackedInt8>,
    .bf16_transposed = bf16_transposed,
    .add_product = add_pieces,
    .swiglu_gradient = swiglu_gradient,
    .sample_attention = sample_attention,
    .attention_shares = attention_shares,
    .sink_gradient = sink_gradient,
    .sample_attention_gradient = sample_attention_gradient,
};

}  // namespace gptoss::training
