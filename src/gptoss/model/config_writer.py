"""Writes the small JSON files of a checkpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from gptoss.model.config import Config, alternating_layers, require_implied
from gptoss.model.safetensors_writer import write_text


def write_config(
    directory: Path, config: Config, roles: Mapping[str, int] = MappingProxyType({})
) -> None:
    """Write config.json, and generation_config.json with the published sampling. Raises OutputError if it cannot.

    `roles` are ids of tokens, such as `bos_token`, as far as they are known.
    """
    ids = {f"{role}_id": token_id for role, token_id in sorted(roles.items())}
    # Published without the first token, which no conversation begins with.
    ids_of_model = {key: ids[key] for key in ("pad_token_id",) if key in ids}
    write_json(directory / "config.json", config.to_dict() | ids_of_model)
    generation = {
        **ids,
        "do_sample": True,
        "temperature": 1.0,
        "top_p": 1.0,
        "eos_token_id": list(config.eos_token_ids),
    }
    write_json(directory / "generation_config.json", generation)


def original_dict(config: Config) -> dict[str, object]:
    """The configuration in the spelling of the `original/` folder.

    Raises ConfigError for what that leaves to its code and is otherwise here.
    """
    rope = config.rope
    require_implied(
        config,
        "the layout original/",
        layer_types=alternating_layers(config.num_layers),
        max_positions=int(rope.original_context * rope.factor),
        swiglu_alpha=Config.swiglu_alpha,
        rms_norm_eps=Config.rms_norm_eps,
    )
    return {
        "num_hidden_layers": config.num_layers,
        "num_experts": config.num_experts,
        "experts_per_token": config.experts_per_token,
        "vocab_size": config.vocab_size,
        "hidden_size": config.hidden_size,
        "intermediate_size": config.intermediate_size,
        "swiglu_limit": config.swiglu_limit,
        "head_dim": config.head_dim,
        "num_attention_heads": config.num_heads,
        "num_key_value_heads": config.num_kv_heads,
        "sliding_window": config.sliding_window,
        "initial_context_length": rope.original_context,
        "rope_theta": rope.theta,
        "rope_scaling_factor": rope.factor,
        "rope_ntk_alpha": rope.beta_slow,
        "rope_ntk_beta": rope.beta_fast,
    }


def write_json(path: Path, data: object) -> None:
    """Write indented JSON, whole or not at all. Raises OutputError."""
    write_text(path, json.dumps(data, indent=2) + "\n")
