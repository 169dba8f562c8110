// Chooses a table of kernels for this machine.
#pragma once

#include <string>
#include <vector>

#include "kernels.h"
#include "training_kernels.h"

namespace gptoss {

// The tables that this machine can run, slowest first.
std::vector<const Kernels*> runnable_tables();

// Whether products of bfloat16 in pairs, if a table has them, are faster on this machine than products of the same
// values as floats.
bool has_fast_bf16_dot(const Kernels* table);

// The table of that name, or null if it is unknown or cannot run here.
const Kernels* find_table(const std::string& name);

// The training kernels of the same instruction set.
const TrainingKernels* training_table(const Kernels* table);

}  // namespace gptoss
