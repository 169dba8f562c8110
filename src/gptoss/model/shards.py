"""Weights in several safetensors files with an index, as large models are published."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from gptoss.model.checkpoint_files import INDEX
from gptoss.model.config_writer import write_json
from gptoss.model.safetensors import TensorSpec
from gptoss.model.safetensors_writer import write_safetensors

# As the released files are cut: at most this many bytes each.
SHARD_BYTES = 5 * 10**9


def write_shards(
    directory: Path,
    specs: Sequence[TensorSpec],
    values: Callable[[TensorSpec], Iterable[NDArray[Any]]],
    *,
    first: int = 1,
) -> None:
    """Write the files, which are counted from `first`, and their index. Raises OutputError when it cannot.

    `values` is what `write_safetensors` takes.
    """
    shards = _cut(specs)
    last = len(shards) - 1 + first
    weight_map: dict[str, str] = {}
    for number, shard in enumerate(shards, first):
        name = f"model-{number:05}-of-{last:05}.safetensors"
        write_safetensors(directory / name, shard, values)
        weight_map.update({spec.name: name for spec in shard})
    total = sum(spec.num_bytes for spec in specs)
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    write_json(directory / INDEX, index)


def _cut(specs: Sequence[TensorSpec]) -> list[list[TensorSpec]]:
    shards: list[list[TensorSpec]] = [[]]
    num_bytes = 0
    for spec in specs:
        if shards[-1] and num_bytes + spec.num_bytes > SHARD_BYTES:
            shards.append([])
            num_bytes = 0
        shards[-1].append(spec)
        num_bytes += spec.num_bytes
    return shards
