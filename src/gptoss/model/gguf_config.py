"""The model's shape, read from the metadata of a GGUF file and checked.

Keys begin with the architecture: `gpt-oss` as llama.cpp writes it, or Ollama's `gptoss`. What both leave to their code,
such as the clamp of SwiGLU and which layers slide, is as it was released; what a file says otherwise is refused.
"""

from __future__ import annotations

from gptoss.errors import CheckpointError, ConfigError
from gptoss.files.gguf import GgufFile
from gptoss.files.gguf_values import ListValue
from gptoss.files.gguf_writer import MetadataValue
from gptoss.files.json_text import shorten
from gptoss.model.config import (
    MAX_EXPERTS,
    MAX_LAYERS,
    Config,
    LayerType,
    RopeConfig,
    alternating_layers,
    require_implied,
)
from gptoss.model.config_fields import Fields

LLAMA_CPP, OLLAMA = "gpt-oss", "gptoss"

_ARCHITECTURE = "general.architecture"
_SLIDING = "attention.sliding_window_pattern"
_EOS, _ALL_EOS = "tokenizer.ggml.eos_token_id", "tokenizer.ggml.eos_token_ids"
_SCALING = "rope.scaling."
_SCALING_KEYS = (
    "type",
    "factor",
    "original_context_length",
    "finetuned",
    "attn_factor",
    "yarn_attn_factor",
    "yarn_ext_factor",
    "yarn_beta_fast",
    "yarn_beta_slow",
)
_REMEDY = "get the file again, or another conversion of the model"


def architecture_of(file: GgufFile) -> str:
    """The architecture's name in a file. Raises CheckpointError for a model that is no gpt-oss."""
    name = file.metadata.get(_ARCHITECTURE)
    if name not in (LLAMA_CPP, OLLAMA):
        raise CheckpointError(
            f"{file.path} holds a model of the architecture {shorten(name)}, wanted {LLAMA_CPP!r} or {OLLAMA!r}: only "
            "gpt-oss models run here"
        )
    return str(name)


def read_config(file: GgufFile, num_rows: int) -> Config:
    """The configuration of a model whose embedding has so many rows.

    Raises ConfigError for a missing key, a wrong value, or what no gpt-oss model has; CheckpointError for another
    architecture.
    """
    architecture = architecture_of(file)
    fields = _fields(file, f"{architecture}.")
    fields.require("vocab_size", num_rows)
    head_dim = fields.count("attention.key_length")
    fields.require("attention.value_length", head_dim)
    fields.require("rope.dimension_count", head_dim)
    layer_types = alternating_layers(fields.count("block_count", at_most=MAX_LAYERS))
    _check_sliding(file, fields, f"{architecture}.{_SLIDING}", layer_types)
    try:
        return Config(
            vocab_size=num_rows,
            hidden_size=fields.count("embedding_length"),
            intermediate_size=fields.count("expert_feed_forward_length", "feed_forward_length"),
            num_experts=fields.count("expert_count", at_most=MAX_EXPERTS),
            experts_per_token=fields.count("expert_used_count"),
            num_heads=fields.count("attention.head_count"),
            num_kv_heads=fields.count("attention.head_count_kv"),
            head_dim=head_dim,
            sliding_window=fields.count("attention.sliding_window"),
            layer_types=layer_types,
            max_positions=fields.count("context_length"),
            rope=_read_rope(fields, _fields(file, f"{architecture}.{_SCALING}")),
            rms_norm_eps=fields.number("attention.layer_norm_rms_epsilon"),
            eos_token_ids=_read_eos(file, num_rows),
        )
    except ConfigError as error:
        # What does not fit together does not say where it was read.
        said = str(error)
        raise ConfigError(said if str(file.path) in said else f"{file.path}: {said}") from None


def config_metadata(config: Config) -> dict[str, MetadataValue]:
    """The metadata of which `read_config` makes the same configuration, in llama.cpp's dialect.

    Raises ConfigError for what its code knows only as it was released.
    """
    require_implied(
        config,
        "a GGUF file",
        swiglu_alpha=Config.swiglu_alpha,
        swiglu_limit=Config.swiglu_limit,
        layer_types=alternating_layers(config.num_layers),
    )
    of_model: dict[str, MetadataValue] = {
        "vocab_size": config.vocab_size,
        "context_length": config.max_positions,
        "embedding_length": config.hidden_size,
        "block_count": config.num_layers,
        "feed_forward_length": config.intermediate_size,
        "expert_feed_forward_length": config.intermediate_size,
        "expert_count": config.num_experts,
        "expert_used_count": config.experts_per_token,
        "attention.head_count": config.num_heads,
        "attention.head_count_kv": config.num_kv_heads,
        "attention.key_length": config.head_dim,
        "attention.value_length": config.head_dim,
        "attention.layer_norm_rms_epsilon": config.rms_norm_eps,
        "attention.sliding_window": config.sliding_window,
        "rope.dimension_count": config.head_dim,
        "rope.freq_base": config.rope.theta,
        f"{_SCALING}type": "yarn",
        f"{_SCALING}factor": config.rope.factor,
        f"{_SCALING}original_context_length": config.rope.original_context,
        f"{_SCALING}yarn_beta_fast": config.rope.beta_fast,
        f"{_SCALING}yarn_beta_slow": config.rope.beta_slow,
    }
    of_file: dict[str, MetadataValue] = {_ARCHITECTURE: LLAMA_CPP}
    if config.eos_token_ids:
        of_file |= {_EOS: config.eos_token_ids[0], _ALL_EOS: list(config.eos_token_ids)}
    return of_file | {f"{LLAMA_CPP}.{key}": value for key, value in of_model.items()}


def _fields(file: GgufFile, prefix: str) -> Fields:
    """The keys with that prefix, without it."""
    data: dict[str, object] = {
        key.removeprefix(prefix): "a list" if isinstance(value, ListValue) else value
        for key, value in file.metadata.items()
        if key.startswith(prefix)
    }
    return Fields(data, f"{file.path}: {prefix.rstrip('.')}", remedy=_REMEDY)


def _check_sliding(
    file: GgufFile, fields: Fields, key: str, layer_types: tuple[LayerType, ...]
) -> None:
    """Every other layer slides, from the first one on, whether a file says so for each of them, by a period, or not."""
    found = file.metadata.get(key)
    if isinstance(found, ListValue):
        wanted = [kind is LayerType.SLIDING for kind in layer_types]
        if file.bools(key) != wanted:
            raise fields.error(_SLIDING, "every other layer sliding, from the first one on")
    else:
        fields.require(_SLIDING, 2)


def _read_rope(fields: Fields, scaling: Fields) -> RopeConfig:
    scaling.refuse_others(_SCALING_KEYS)
    # Ollama does not say it.
    scaling.require("type", "yarn")
    for key in ("attn_factor", "yarn_attn_factor", "yarn_ext_factor"):
        scaling.require(key, 1.0)
    theta = fields.number("rope.freq_base", at_least=2.0)
    fields.require("rope.freq_base_swa", theta)
    return RopeConfig(
        theta=theta,
        factor=scaling.number("factor", at_least=1.0),
        beta_slow=scaling.number("yarn_beta_slow", default=RopeConfig.beta_slow),
        beta_fast=scaling.number("yarn_beta_fast", default=RopeConfig.beta_fast),
        original_context=scaling.count("original_context_length"),
    )


def _read_eos(file: GgufFile, vocab_size: int) -> tuple[int, ...]:
    """Ollama has a list beside the one that all programs know."""
    source = f"{file.path}: tokenizer.ggml"
    data: dict[str, object] = {
        _EOS: file.metadata.get(_EOS),
        _ALL_EOS: file.integers(_ALL_EOS),
    }
    fields = Fields(data, source, remedy=_REMEDY)
    found = (*fields.token_ids(_EOS, vocab_size), *fields.token_ids(_ALL_EOS, vocab_size))
    return tuple(dict.fromkeys(found))
