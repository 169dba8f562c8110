// One table of kernels; compiled once per instruction set, with that set's flags (CMakeLists.txt).

#include "kernels.h"
#include "kernels/attention.h"
#include "kernels/decode.h"
#include "kernels/input_major_matmul.h"
#include "kernels/matmul.h"
#include "kernels/pack.h"
#include "kernels/packed_matmul.h"
#include "kernels/probe.h"
#include "kernels/rms_norm.h"
#include "kernels/rope.h"
#include "kernels/router.h"
#include "kernels/swiglu.h"
#include "kernels/to_int8.h"

namespace gptoss {

extern const Kernels GPTOSS_TABLE;

const Kernels GPTOSS_TABLE = {
    .name = GPTOSS_ISA,
    .has_bf16_dot = Isa::kHasBf16Dot,
    .to_bf16 = to_bf16,
    .round_to_bf16 = round_to_bf16,
    .f16_to_bf16 = f16_to_bf16,
    .q8_0_to_bf16 = q8_0_to_bf16,
    .to_int8 = to_int8,
    .rms_norm = rms_norm,
    .matmul_f32 = matmul<float>,
    .matmul_bf16 = matmul<Bf16>,
    .mxfp4_matmul_f32 = packed_matmul<float, PackedMxfp4>,
    .mxfp4_matmul_bf16 = packed_matmul<Bf16, PackedMxfp4>,
    .mxfp4_matmul_int8 = packed_matmul<Int8Block, PackedMxfp4>,
    .int8_matmul_f32 = packed_matmul<float, PackedInt8>,
    .int8_matmul_bf16 = packed_matmul<Bf16, PackedInt8>,
    .int8_matmul_int8 = packed_matmul<Int8Block, PackedInt8>,
    .pack_mxfp4 = pack_mxfp4,
    .pack_int8 = pack_int8,
    .input_major_matmul_f32 = input_major_matmul<float>,
    .input_major_matmul_bf16 = input_major_matmul<Bf16>,
    .swiglu = swiglu,
    .route = route,
    .combine = combine,
    .rope_store_f32 = rope_store<float>,
    .rope_store_bf16 = rope_store<Bf16>,
    .rope_store_int8 = rope_store<std::int8_t>,
    .read_words = read_words,
    .multiply_f32 = multiply<float>,
    .multiply_bf16 = multiply<Bf16>,
    .multiply_int8 = multiply_int8,
    .attention_f32 = attention<float>,
    .attention_bf16 = attention<Bf16>,
    .attention_bf16_pairs = attention_in_pairs<Isa>(),
    .attention_int8 = attention<std::int8_t>,
};

}  // namespace gptoss
