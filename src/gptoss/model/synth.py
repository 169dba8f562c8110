"""Random weights in the released layout, of the exact shapes of GPT-OSS 20B: for speed and memory, not for answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gptoss.errors import OutputError
from gptoss.files.whole import whole_file, whole_folder
from gptoss.kernels.bf16 import float32_to_bf16
from gptoss.model.config import Config, RopeConfig, alternating_layers
from gptoss.model.config_writer import write_config
from gptoss.model.layouts import PACKED
from gptoss.model.safetensors import TensorSpec
from gptoss.model.safetensors_writer import cannot_write
from gptoss.model.shards import write_shards

# Values made at a time, so that memory stays flat whatever the size of a tensor.
_PIECE = 1 << 22
_E8M0_BIAS = 127
# Mean square of a random E2M1 value.
_E2M1_MEAN_SQUARE = 8.625
# A gain well below one for what is added to the residual stream, so that 24 random layers do not run away.
_RESIDUAL_GAIN = 0.2


def gpt_oss_20b(num_layers: int = 24) -> Config:
    """The released configuration, or one with fewer layers of the same shape."""
    return Config(
        vocab_size=201088,
        hidden_size=2880,
        intermediate_size=2880,
        num_experts=32,
        experts_per_token=4,
        num_heads=64,
        num_kv_heads=8,
        head_dim=64,
        sliding_window=128,
        layer_types=alternating_layers(num_layers),
        max_positions=131072,
        rope=RopeConfig(),
        eos_token_ids=(200002, 199999, 200012),
    )


def checkpoint_bytes(config: Config) -> int:
    """Bytes of all tensors."""
    return sum(spec.num_bytes for spec in PACKED.specs(config))


def write_checkpoint(
    directory: Path,
    config: Config,
    *,
    seed: int = 0,
    files: Mapping[str, bytes] = MappingProxyType({}),
    advance: Callable[[int], object] = lambda _: None,
) -> None:
    """Write shards, index, config.json, generation_config.json and further small files by name, all or nothing.

    `advance` hears of bytes written. Raises OutputError when the folder cannot be written, or holds anything, which
    might be someone's weights.
    """
    directory = directory.absolute()
    try:
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            raise OutputError(
                f"{directory} is not empty; choose a new folder, so that nothing is overwritten"
            )
        with whole_folder(directory) as partial:
            _write_shards(partial, config, seed, advance)
            for name, content in files.items():
                with whole_file(partial / name) as file:
                    file.write(content)
    except OSError as error:
        raise cannot_write(directory, error) from None


def _write_shards(
    directory: Path, config: Config, seed: int, advance: Callable[[int], object]
) -> None:
    def values(spec: TensorSpec) -> Iterator[NDArray[Any]]:
        for piece in _values(spec, seed):
            yield piece
            advance(piece.nbytes)

    # From zero on, as the released ones.
    write_shards(directory, PACKED.specs(config), values, first=0)
    write_config(directory, config)


def _values(spec: TensorSpec, seed: int) -> Iterator[NDArray[Any]]:
    """Pieces that depend on the seed and the tensor's name alone."""
    random = np.random.Generator(np.random.SFC64([seed, *spec.name.encode()]))
    remaining = math.prod(spec.shape)
    while remaining:
        count = min(remaining, _PIECE)
        yield _piece(spec, count, random)
        remaining -= count


def _piece(spec: TensorSpec, count: int, random: np.random.Generator) -> NDArray[Any]:
    name = spec.name
    if name.endswith("_blocks"):
        return np.frombuffer(random.bytes(count), np.uint8)
    if name.endswith("_scales"):
        width = 32 * spec.shape[-1]
        gain = _RESIDUAL_GAIN if "down_proj" in name else 1.0
        exponent = round(math.log2(gain / math.sqrt(_E2M1_MEAN_SQUARE * width)))
        scales = random.integers(exponent - 1, exponent + 1, count, dtype=np.int16, endpoint=True)
        return (scales + _E8M0_BIAS).astype(np.uint8)
    values = random.standard_normal(count, dtype=np.float32)
    if "norm" in name:
        values = 1 + values / np.float32(8)
    elif name.endswith("weight") and "embed_tokens" not in name:
        gain = _RESIDUAL_GAIN if "o_proj" in name else 3.0 if "lm_head" in name else 1.0
        values *= gain / math.sqrt(spec.shape[-1])
    elif "sinks" not in name and "embed_tokens" not in name:
        values *= 0.1
    return float32_to_bf16(values)
