#include "dispatch.h"

namespace gptoss {

extern const Kernels kBaseline;
#if defined(__x86_64__)
extern const Kernels kAvx2;
extern const Kernels kAvxVnni;
extern const Kernels kAvx512Vnni;
#endif

namespace training {

extern const TrainingKernels kBaseline;
#if defined(__x86_64__)
extern const TrainingKernels kAvx2;
extern const TrainingKernels kAvxVnni;
extern const TrainingKernels kAvx512Vnni;
#endif

}  // namespace training

namespace {

#if defined(__x86_64__)
// __builtin_cpu_supports also asks whether the operating system saves the wide registers.
bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}

bool has_avx512vnni() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni") &&
         __builtin_cpu_supports("avx512bf16");
}
#endif

}  // namespace

std::vector<const Kernels*> runnable_tables() {
  std::vector<const Kernels*> tables = {&kBaseline};
#if defined(__x86_64__)
  if (has_avx2()) tables.push_back(&kAvx2);
  if (has_avx2() && __builtin_cpu_supports("avxvnni")) tables.push_back(&kAvxVnni);
  if (has_avx2() && has_avx512vnni()) tables.push_back(&kAvx512Vnni);
#endif
  return tables;
}

bool has_fast_bf16_dot(const Kernels* table) {
#if defined(__x86_64__)
  // Intel's cores begin one every second cycle, and two float products in each: on an Emerald Rapids Xeon pairs took
  // 1.3 to 1.6 times as long in attention, up to 1.9 times in a product with packed weights. AMD's gain.
  if (__builtin_cpu_is("intel")) return false;
#endif
  return table->has_bf16_dot;
}

const Kernels* find_table(const std::string& name) {
  for (const Kernels* table : runnable_tables())
    if (name == table->name) return table;
  return nullptr;
}

const TrainingKernels* training_table(const Kernels* table) {
#if defined(__x86_64__)
  if (table == &kAvx2) return &training::kAvx2;
  if (table == &kAvxVnni) return &training::kAvxVnni;
  if (table == &kAvx512Vnni) return &training::kAvx512Vnni;
#endif
  return table == &kBaseline ? &training::kBaseline : nullptr;
}

}  // namespace gptoss
