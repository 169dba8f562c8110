"""The array functions of the forward pass, in C++, for the instruction set of this machine.

`Backend` and `reference.Backend` have the same methods; the second, in plain NumPy, defines what is right. Arrays are
C-contiguous; "act" means float32, or uint16 that holds bfloat16 bits, which NumPy has no type for, or, for packed
weights, the bytes that `to_int8` makes. `out` is overwritten unless said otherwise and must not overlap an input; that
of a matrix product may be columns of a wider array. `rounded`, where a method has it, receives `out` as an input of the
next product: what `to_bf16` or `to_int8` makes of its rows, by its own type. Every output element is summed in one
order that depends on nothing but its own inputs, so the same element is the same bit for bit in any batch, for any
number of threads. The backends of two instruction sets, or with and without pairs of bfloat16, agree to rounding,
not to the bit.
"""

from gptoss.kernels.arrays import (
    GROUP,
    INT8_BLOCK_BYTES,
    INT8_CACHE_SCALE_BYTES,
    INT8_GROUP_BYTES,
    MXFP4_GROUP_BYTES,
    Q8_0_BLOCK_BYTES,
    Activations,
    Bfloat16Bits,
    Bytes,
    Float32,
    Int32,
    Int64,
    StoredMxfp4,
)
from gptoss.kernels.backend import Backend, Recording
from gptoss.kernels.machine import available_threads, bf16_pairs, isas
from gptoss.kernels.training import TrainingKernels
from gptoss.kernels.training_backend import TrainingBackend

__all__ = [
    "GROUP",
    "INT8_BLOCK_BYTES",
    "INT8_CACHE_SCALE_BYTES",
    "INT8_GROUP_BYTES",
    "MXFP4_GROUP_BYTES",
    "Q8_0_BLOCK_BYTES",
    "Activations",
    "Backend",
    "Bfloat16Bits",
    "Bytes",
    "Float32",
    "Int32",
    "Int64",
    "Recording",
    "StoredMxfp4",
    "TrainingBackend",
    "TrainingKernels",
    "available_threads",
    "bf16_pairs",
    "isas",
]
