"""The ways in which GGUF files store values: blocks of so many values in so many bytes, by the number of the type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class BlockType:
    """Blocks of `num_values` values in `num_bytes` bytes, by the name that ggml gives them."""

    name: str
    num_values: int
    num_bytes: int


F32 = BlockType("F32", 1, 4)
F16 = BlockType("F16", 1, 2)
BF16 = BlockType("BF16", 1, 2)
Q8_0 = BlockType("Q8_0", 32, 34)
MXFP4 = BlockType("MXFP4", 32, 17)
# The number 4 was retired before GGUF began. Ollama gave it to blocks whose sixteen bytes are as safetensors have them.
MXFP4_PAIRS = BlockType("MXFP4 in pairs", 32, 17)

# Of all types, those that nothing here decodes as well: a message can then say their names.
TYPES: Mapping[int, BlockType] = MappingProxyType(
    {
        0: F32,
        1: F16,
        2: BlockType("Q4_0", 32, 18),
        3: BlockType("Q4_1", 32, 20),
        4: MXFP4_PAIRS,
        6: BlockType("Q5_0", 32, 22),
        7: BlockType("Q5_1", 32, 24),
        8: Q8_0,
        9: BlockType("Q8_1", 32, 40),
        10: BlockType("Q2_K", 256, 84),
        11: BlockType("Q3_K", 256, 110),
        12: BlockType("Q4_K", 256, 144),
        13: BlockType("Q5_K", 256, 176),
        14: BlockType("Q6_K", 256, 210),
        15: BlockType("Q8_K", 256, 292),
        16: BlockType("IQ2_XXS", 256, 66),
        17: BlockType("IQ2_XS", 256, 74),
        18: BlockType("IQ3_XXS", 256, 98),
        19: BlockType("IQ1_S", 256, 50),
        20: BlockType("IQ4_NL", 32, 18),
        21: BlockType("IQ3_S", 256, 110),
        22: BlockType("IQ2_S", 256, 82),
        23: BlockType("IQ4_XS", 256, 136),
        24: BlockType("I8", 1, 1),
        25: BlockType("I16", 1, 2),
        26: BlockType("I32", 1, 4),
        27: BlockType("I64", 1, 8),
        28: BlockType("F64", 1, 8),
        29: BlockType("IQ1_M", 256, 56),
        30: BF16,
        34: BlockType("TQ1_0", 256, 54),
        35: BlockType("TQ2_0", 256, 66),
        39: MXFP4,
    }
)
NUMBERS_OF_TYPES: Mapping[BlockType, int] = MappingProxyType(
    {kind: number for number, kind in TYPES.items()}
)
