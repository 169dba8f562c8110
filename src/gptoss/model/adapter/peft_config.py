"""`adapter_config.json` as PEFT writes it: which changes it speaks of, and how large they are."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gptoss.errors import CheckpointError, shown
from gptoss.files.json_text import read_object

NAME = "adapter_config.json"
_MOST_BYTES = 4 << 20
# PEFT's release whose files ours are: layouts of experts are those of 0.18 and later.
_VERSION = "0.21.2"

# Kinds of adapters that add something else than a product of two matrices, or change the base.
_REFUSED: Mapping[str, tuple[object, ...]] = {
    "bias": (None, "none"),
    "fan_in_fan_out": (None, False),
    "layer_replication": (None, [], {}),
    "lora_bias": (None, False),
    "modules_to_save": (None, []),
    "trainable_token_indices": (None, [], {}),
    "use_dora": (None, False),
    "use_qalora": (None, False),
    "use_bdlora": (None, False),
    "alora_invocation_tokens": (None, []),
    "arrow_config": (None,),
    "kasa_config": (None,),
    "monteclora_config": (None,),
}
# Others begin by changing the base's weights.
_STARTS = (None, True, False, "gaussian", "orthogonal", "eva")


@dataclass(frozen=True, slots=True, kw_only=True)
class PeftConfig:
    """What an adapter's configuration says of it.

    rank, alpha       of all changes but those in `alphas`
    alphas            by a pattern of what is changed
    is_rank_stable    the scale is alpha / sqrt(rank), else alpha / rank
    modules           that are named as changed: names, or one pattern
    parameters        of experts that are named as changed
    base              where the base was loaded from
    """

    rank: int
    alpha: float
    alphas: Mapping[str, float] = field(default_factory=dict)
    is_rank_stable: bool = False
    modules: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    base: str | None = None

    @classmethod
    def read(cls, folder: Path) -> PeftConfig:
        """Read it. Raises CheckpointError for what is missing, damaged or another kind of adapter."""
        path = folder / NAME
        try:
            found: Mapping[str, Any] = read_object(path, most_bytes=_MOST_BYTES)
        except OSError as error:
            raise CheckpointError(
                f"cannot read {path}: {error.strerror or error}; wanted the folder of an adapter, with {NAME} and "
                "adapter_model.safetensors"
            ) from None
        except ValueError as error:
            raise CheckpointError(f"{path} is damaged: {error}") from None
        return cls._of(found, path)

    @classmethod
    def _of(cls, found: Mapping[str, Any], path: Path) -> PeftConfig:
        if (kind := found.get("peft_type")) != "LORA":
            raise CheckpointError(f"{path}: got peft_type {shown(kind)}, wanted LORA")
        for name, plain in _REFUSED.items():
            if found.get(name) not in plain:
                raise CheckpointError(
                    f"{path}: got {name} {shown(found[name])}, which changes more than two matrices can; wanted an "
                    "adapter trained without it"
                )
        start = found.get("init_lora_weights")
        if start not in _STARTS:
            raise CheckpointError(
                f"{path}: got init_lora_weights {shown(start)}, which changes the base's weights; let PEFT convert the "
                "adapter (save_pretrained with path_initial_model_for_weight_conversion)"
            )
        alphas = found.get("alpha_pattern") or {}
        if not isinstance(alphas, dict):
            raise CheckpointError(f"{path}: got alpha_pattern {shown(alphas)}, wanted an object")
        base = found.get("base_model_name_or_path")
        return cls(
            rank=int(_number(found, "r", path)),
            alpha=_number(found, "lora_alpha", path),
            alphas={name: _number(alphas, name, path) for name in alphas},
            is_rank_stable=found.get("use_rslora") is True,
            modules=_names(found.get("target_modules")),
            parameters=_names(found.get("target_parameters")),
            base=base if isinstance(base, str) else None,
        )

    def scale(self, name: str, rank: int) -> float:
        """By how much a change of this rank is multiplied; `name`: of what is changed, as modules are named."""
        alpha = next(
            (value for pattern, value in self.alphas.items() if _fits(pattern, name)), self.alpha
        )
        return alpha / (math.sqrt(rank) if self.is_rank_stable else rank)

    def text(self, ranks: Mapping[str, int]) -> str:
        """The file's text, with the fields that PEFT writes; `ranks`: of what has another than most."""
        fields = {
            "alpha_pattern": dict(self.alphas),
            "auto_mapping": None,
            "base_model_name_or_path": self.base,
            "bias": "none",
            "exclude_modules": None,
            "fan_in_fan_out": False,
            "inference_mode": True,
            "init_lora_weights": True,
            "layer_replication": None,
            "layers_pattern": None,
            "layers_to_transform": None,
            "loftq_config": {},
            "lora_alpha": int(self.alpha) if float(self.alpha).is_integer() else self.alpha,
            "lora_bias": False,
            "lora_dropout": 0.0,
            "megatron_config": None,
            "megatron_core": "megatron.core",
            "modules_to_save": None,
            "peft_type": "LORA",
            "peft_version": _VERSION,
            "r": self.rank,
            "rank_pattern": dict(ranks),
            "revision": None,
            "target_modules": list(self.modules),
            "target_parameters": list(self.parameters) or None,
            "task_type": "CAUSAL_LM",
            "trainable_token_indices": None,
            "use_dora": False,
            "use_rslora": self.is_rank_stable,
        }
        return json.dumps(fields, indent=2) + "\n"


def _fits(pattern: str, name: str) -> bool:
    """As PEFT decides it: the whole name, or all of it behind a dot."""
    try:
        return re.match(rf"(.*\.)?({pattern})$", name) is not None
    except re.error:
        return False


def _number(found: Mapping[str, Any], name: str, path: Path) -> float:
    value = found.get(name)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 < float(value or 0) < 1e6:
        raise CheckpointError(f"{path}: got {name} {shown(value)}, wanted a number above 0")
    return float(value or 0)


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(map(str, value)) if isinstance(value, list) else ()
