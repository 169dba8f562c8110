// The training kernels' part of the Python module.
#pragma once

#include <nanobind/nanobind.h>

namespace gptoss {

// Adds the class `Training`; `Backend`, which makes one, is bound beside it.
void bind_training(nanobind::module_& module);

}  // namespace gptoss
