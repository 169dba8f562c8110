"""Adapters in PEFT's files for gpt-oss, read and written: `adapter_config.json`, `adapter_model.safetensors`.

Of one layer, for rank r, E experts, hidden size H and inner size I, behind `base_model.model.model.layers.N.`:

    self_attn.{q,k,v,o}_proj.lora_A.weight   (r, inputs)       lora_B.weight (outputs, r)
    mlp.experts[.base_layer].lora_A.weight   (E r, H or I)     lora_B.weight (2 I or H, r E)

Rows of an expert's A go expert by expert (e r + k), columns of B rank by rank (k E + e). Which parameter of the experts
has `.base_layer` depends on the order in which they were named, so they are told apart by their shapes.
Source: peft 0.21.2 with transformers 5.24, both ways (tests/model/test_adapter_files.py).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gptoss.errors import CheckpointError, listed
from gptoss.kernels.bf16 import bf16_to_float32
from gptoss.model.adapter.lora import (
    ATTENTION,
    EXPERTS,
    Adapter,
    ExpertLora,
    Float32,
    LayerAdapter,
    Lora,
    shape_of,
)
from gptoss.model.adapter.peft_config import NAME, PeftConfig
from gptoss.model.config import Config
from gptoss.model.safetensors import SafetensorsFile
from gptoss.model.safetensors_writer import cannot_write, write_arrays, write_text

MATRICES = "adapter_model.safetensors"
# In its metadata.
_BASE = "gptoss_base"
_PREFIX = "base_model.model.model.layers."
_KEY = re.compile(
    r"base_model\.model\.model\.layers\.(?P<layer>\d+)\."
    r"(?:self_attn\.(?P<attention>[qkvo]_proj)|mlp\.experts(?P<inner>(?:\.base_layer)?))"
    r"\.lora_(?P<which>[AB])(?:\.default)?\.weight"
)
_READ: Mapping[str, Callable[[NDArray[Any]], Float32]] = {
    "F32": lambda values: np.array(values, np.float32),
    "BF16": bf16_to_float32,
    "F16": lambda values: np.asarray(values, np.float32),
}
# So many keys are named in a message.
_MOST_NAMED = 3


def read_adapter(folder: Path, config: Config, *, base: str = "") -> Adapter:
    """The adapter in a folder, for a model of this configuration.

    base  `base_digest` of the model; empty: any base will do

    Raises CheckpointError for files that are missing or damaged, of another kind of adapter, shape or base, and for
    matrices that would not be used: nothing of an adapter is left out silently.
    """
    found = PeftConfig.read(folder)
    file = SafetensorsFile(folder / MATRICES)
    trained_on = file.metadata.get(_BASE, "")
    if base and trained_on and base != trained_on:
        raise CheckpointError(
            f"{folder} was trained on another base ({found.base or 'unnamed'}, {trained_on[:12]}) than this model "
            f"({base[:12]}); load that one"
        )
    matrices = {name: _matrix(file, name, folder) for name in file.tensors}
    layers = _Layers(folder, config, found)
    layers.read(matrices)
    return Adapter(layers.made(), trained_on)


def write_adapter(
    folder: Path,
    adapter: Adapter,
    *,
    base: str | None = None,
    about: Mapping[str, str] | None = None,
) -> None:
    """Write an adapter as PEFT does, float32, so that PEFT and `read_adapter` read the same numbers.

    base   where the base is, for `base_model_name_or_path`
    about  what else is to be known of it, for the matrices' metadata: PEFT warns of fields of the configuration that
           it does not know

    Raises OutputError where it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from None
    tensors: dict[str, tuple[str, NDArray[Any]]] = {}
    for number, layer in enumerate(adapter.layers):
        for name, lora in layer.attention.items():
            key = f"{_PREFIX}{number}.self_attn.{name}"
            tensors[f"{key}.lora_A.weight"] = "F32", lora.a
            tensors[f"{key}.lora_B.weight"] = "F32", lora.b
        # The first of the parameters that are named is the innermost.
        named = [name for name in EXPERTS if name in layer.experts]
        for place, name in enumerate(named):
            key = f"{_PREFIX}{number}.mlp.experts" + ".base_layer" * (len(named) - 1 - place)
            a, b = _stacked(layer.experts[name])
            tensors[f"{key}.lora_A.weight"] = "F32", a
            tensors[f"{key}.lora_B.weight"] = "F32", b
    metadata = {**({_BASE: adapter.base} if adapter.base else {}), **(about or {})}
    write_arrays(folder / MATRICES, dict(sorted(tensors.items())), metadata)
    # It comes last: a folder without it is no adapter.
    write_text(folder / NAME, _config_text(adapter, base))


def _config_text(adapter: Adapter, base: str | None) -> str:
    each = list(adapter.matrices())
    # PEFT warns of patterns that name experts, although it follows them.
    of_experts = [(name, lora) for name, lora in each if isinstance(lora, ExpertLora)]
    common = [lora for _, lora in of_experts or each]
    rank = Counter(lora.rank for lora in common).most_common(1)[0][0]
    alpha = Counter(_alpha(lora) for lora in common).most_common(1)[0][0]
    modules = sorted({name for layer in adapter.layers for name in layer.attention})
    num_adapted = sum(bool(layer.attention) for layer in adapter.layers)
    if num_adapted not in (0, len(adapter.layers)):
        modules = [name.removeprefix("layers.") for name, lora in each if isinstance(lora, Lora)]
    config = PeftConfig(
        rank=rank,
        alpha=alpha,
        alphas={_pattern(name): _alpha(lora) for name, lora in each if _alpha(lora) != alpha},
        modules=tuple(modules),
        parameters=tuple(_parameters(adapter)),
        base=base,
    )
    return config.text({_pattern(name): lora.rank for name, lora in each if lora.rank != rank})


def _parameters(adapter: Adapter) -> Iterable[str]:
    """Of experts, as `target_parameters` names them: gate_up first, which is the inner one then."""
    layers = [number for number, layer in enumerate(adapter.layers) if layer.experts]
    for name in EXPERTS:
        adapted = [number for number in layers if name in adapter.layers[number].experts]
        if len(adapted) == len(adapter.layers):
            yield f"mlp.experts.{name}"
        else:
            yield from (f"{number}.mlp.experts.{name}" for number in adapted)


def _alpha(lora: Lora | ExpertLora) -> float:
    """As a configuration has it, in which 0.1 * 3 is 0.3."""
    return round(lora.scale * lora.rank, 6)


def _pattern(name: str) -> str:
    return name.replace(".", r"\.")


def _stacked(lora: ExpertLora) -> tuple[Float32, Float32]:
    """Both matrices as PEFT has them: A expert by expert, B rank by rank."""
    experts, rank, inputs = lora.a.shape
    b = lora.b.transpose(1, 2, 0).reshape(-1, rank * experts)
    return lora.a.reshape(experts * rank, inputs), np.ascontiguousarray(b)


def _matrix(file: SafetensorsFile, name: str, folder: Path) -> Float32:
    spec = file.tensors[name]
    read = _READ.get(spec.dtype)
    if read is None or len(spec.shape) != 2:
        raise CheckpointError(
            f"{folder / MATRICES}: {name} is {spec.dtype} of the shape {spec.shape}, wanted a matrix of F32, BF16 "
            "or F16"
        )
    matrix = read(file.read(name))
    if not np.isfinite(matrix).all():
        raise CheckpointError(f"{folder / MATRICES}: {name} holds values that are no numbers")
    return matrix


class _Layers:
    """Puts an adapter's matrices where they belong."""

    def __init__(self, folder: Path, config: Config, peft: PeftConfig) -> None:
        self._folder, self._config, self._peft = folder, config, peft
        count = len(config.layer_types)
        self._attention: list[dict[str, Lora]] = [{} for _ in range(count)]
        self._experts: list[dict[str, ExpertLora]] = [{} for _ in range(count)]

    def read(self, matrices: Mapping[str, Float32]) -> None:
        pairs: dict[tuple[int, str | None, str], dict[str, Float32]] = {}
        strange = []
        for key, matrix in matrices.items():
            parts = _KEY.fullmatch(key)
            if parts is None or int(parts["layer"]) >= len(self._attention):
                strange.append(key)
                continue
            place = int(parts["layer"]), parts["attention"], parts["inner"] or ""
            pairs.setdefault(place, {})[parts["which"]] = matrix
        if strange:
            more = f" and {len(strange) - _MOST_NAMED} more" if len(strange) > _MOST_NAMED else ""
            raise CheckpointError(
                f"{self._folder / MATRICES} has matrices that this model has no place for, so they would not be used: "
                f"{listed(strange[:_MOST_NAMED])}{more}; wanted PEFT's names for a gpt-oss of "
                f"{len(self._attention)} layers"
            )
        for (layer, attention, inner), pair in sorted(pairs.items(), key=str):
            where = f"layers.{layer}." + (
                f"self_attn.{attention}" if attention else f"mlp.experts{inner}"
            )
            if set(pair) != {"A", "B"}:
                raise CheckpointError(
                    f"{self._folder / MATRICES}: {where} has lora_{min(pair)} alone, wanted A and B"
                )
            if attention:
                self._take(layer, attention, pair, where)
            else:
                self._take_experts(layer, pair, where)
        if not pairs:
            raise CheckpointError(f"{self._folder / MATRICES} holds no matrix of an adapter")
        self._require_named()

    def made(self) -> tuple[LayerAdapter, ...]:
        return tuple(
            LayerAdapter(attention, experts)
            for attention, experts in zip(self._attention, self._experts, strict=True)
        )

    def _take(self, layer: int, name: str, pair: Mapping[str, Float32], where: str) -> None:
        outputs, inputs = shape_of(self._config, name)
        a, b = pair["A"], pair["B"]
        rank = a.shape[0]
        if a.shape != (rank, inputs) or b.shape != (outputs, rank) or not rank:
            raise self._other_shape(where, a, b, f"(r, {inputs}) and ({outputs}, r)")
        scale = self._peft.scale(f"model.layers.{layer}.self_attn.{name}", rank)
        self._attention[layer][name] = Lora(a, b, scale)

    def _take_experts(self, layer: int, pair: Mapping[str, Float32], where: str) -> None:
        a, b = pair["A"], pair["B"]
        experts = self._config.num_experts
        rows, inputs = a.shape
        outputs, columns = b.shape
        fitting = [n for n in EXPERTS if shape_of(self._config, n) == (outputs, inputs)]
        if not fitting or rows != columns or rows % experts or not rows:
            wanted = " or ".join(
                f"({experts} r, {shape[1]}) and ({shape[0]}, r {experts})"
                for shape in (shape_of(self._config, name) for name in EXPERTS)
            )
            raise self._other_shape(where, a, b, wanted)
        (name,) = fitting
        if name in self._experts[layer]:
            raise CheckpointError(
                f"{self._folder / MATRICES}: {where} is of {name}'s shape, and so is another of that layer"
            )
        rank = rows // experts
        scale = self._peft.scale(f"model.layers.{layer}.mlp.experts.{name}", rank)
        self._experts[layer][name] = ExpertLora(
            a.reshape(experts, rank, inputs),
            np.ascontiguousarray(b.reshape(outputs, rank, experts).transpose(2, 0, 1)),
            scale,
        )

    def _require_named(self) -> None:
        """What the configuration names as adapted is there: an adapter that lost its experts still loads elsewhere."""
        named = [name for name in self._peft.parameters if name.rpartition(".")[2] in EXPERTS]
        lost = [
            name
            for name in named
            if not any(name.rpartition(".")[2] in experts for experts in self._experts)
        ]
        plain = [name for name in self._peft.modules if name in ATTENTION]
        lost += [
            name for name in plain if not any(name in attention for attention in self._attention)
        ]
        if lost:
            raise CheckpointError(
                f"{self._folder}: {NAME} names {listed(lost)} as adapted, and {MATRICES} has no matrices of it; save "
                "the adapter again"
            )

    def _other_shape(self, where: str, a: Float32, b: Float32, wanted: str) -> CheckpointError:
        return CheckpointError(
            f"{self._folder / MATRICES}: {where} has A {a.shape} and B {b.shape}, wanted {wanted}: the adapter is of "
            "another model"
        )
