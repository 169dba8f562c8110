"""The configuration: whether it is a gpt-oss model's, and where it differs from the released ones."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from gptoss.errors import CheckpointError, ConfigError
from gptoss.model.checkpoint import Checkpoint, open_checkpoint
from gptoss.model.config import Config, RopeConfig, alternating_layers
from gptoss.runtime.doctor.finding import Finding, Level, Look
from gptoss.runtime.doctor.subject import CONFIG, Subject

GROUP = "configuration"
# Layers and experts of the released sizes.
_SIZES = {"20b": (24, 32), "120b": (36, 128)}
# What a model may rightly have changed: fewer positions, or tokens of its own.
_FREE = frozenset({"max_positions", "vocab_size"})
_SHAPE = (
    "num_layers",
    "num_experts",
    "hidden_size",
    "intermediate_size",
    "num_heads",
    "num_kv_heads",
    "head_dim",
)


def look_at_config(subject: Subject) -> Look[Config | None]:
    """Findings about config.json; then the configuration, if it can be read."""
    try:
        config = Config.from_file(subject.folder / CONFIG)
    except ConfigError as error:
        yield Finding.of_error(GROUP, "config", error)
        return None
    yield compare_with_released(config, CONFIG)
    return config


def look_at_opening(
    subject: Subject, config: Config | None, *, is_whole: bool
) -> Look[Checkpoint | None]:
    """Whether configuration and weights fit together, as when the model is loaded; then the opened model."""
    if not subject.is_gguf and (config is None or not is_whole):
        why = (
            "its files are not all right"
            if config is not None
            else "its config.json cannot be read"
        )
        yield Finding(GROUP, "tensors", Level.NOTE, f"not held against the configuration: {why}")
        return None
    try:
        checkpoint = open_checkpoint(subject.path)
    except (CheckpointError, ConfigError) as error:
        yield Finding.of_error(GROUP, "tensors", error)
        return None
    if subject.is_gguf:
        yield compare_with_released(checkpoint.config, "metadata")
    shown = f"names, shapes and types are those of the layout {checkpoint.layout.title!r}"
    yield Finding(GROUP, "tensors", Level.OK, shown)
    return checkpoint


def compare_with_released(config: Config, source: str) -> Finding:
    """How a configuration differs from the released one of its size, if it has such a size."""
    name, released = _released(config)
    if released is None:
        said = f"a gpt-oss model of a size of its own: {config.num_layers} layers, {config.num_experts} experts"
        return Finding(GROUP, "config", Level.OK, said)
    differing = {
        key: (got, wanted)
        for (key, got), wanted in zip(
            _values(config).items(), _values(released).values(), strict=True
        )
        if got != wanted
    }
    if not differing:
        said = f"the values of the released gpt-oss-{name}, as far as they count"
        return Finding(GROUP, "config", Level.OK, said)
    shown = "; ".join(f"{key} {got}, released {wanted}" for key, (got, wanted) in differing.items())
    said = f"the size of gpt-oss-{name}, with other values: {shown}"
    if differing.keys() <= _FREE:
        return Finding(GROUP, "config", Level.NOTE, said)
    remedy = f"unless it was trained so, take the {source} that was published with gpt-oss-{name}"
    return Finding(GROUP, "config", Level.WARNING, said, remedy)


def _released(config: Config) -> tuple[str, Config | None]:
    shape = tuple(getattr(config, key) for key in _SHAPE)
    for name, (num_layers, num_experts) in _SIZES.items():
        if shape == (num_layers, num_experts, 2880, 2880, 64, 8, 64):
            released = replace(
                config,
                vocab_size=201_088,
                experts_per_token=4,
                sliding_window=128,
                layer_types=alternating_layers(num_layers),
                max_positions=131_072,
                rope=RopeConfig(),
                swiglu_alpha=1.702,
                swiglu_limit=7.0,
                rms_norm_eps=1e-5,
            )
            return name, released
    return "", None


def _values(config: Config) -> dict[str, Any]:
    """What is compared, by the names that a person reads."""
    found = asdict(config)
    found |= {f"rope {key}": value for key, value in found.pop("rope").items()}
    sliding = [
        str(index) for index, kind in enumerate(config.layer_types) if kind == "sliding_attention"
    ]
    found["layer_types"] = f"sliding in layers {', '.join(sliding[:3])}, ..."
    found["sliding_layers"] = len(sliding)
    return {key: value for key, value in found.items() if key != "eos_token_ids"}
