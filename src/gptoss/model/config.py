"""The model's shape, read from the config.json of a checkpoint and checked.

Two spellings are read: Hugging Face's (released, and the newer one with `rope_parameters`) and
that of the released `original/` folder. What every gpt-oss model has in common, such as biases or
the kind of rotary embedding, is checked and not kept: the forward pass knows no other value.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from gptoss.errors import ConfigError
from gptoss.files.json_text import read_object
from gptoss.model.config_fields import MOST, Fields

# The MXFP4 block, in which the matrix kernels work.
_BLOCK = 32
# Bounds of the attention kernels.
_HEAD_DIM_STEP = 16
_MAX_HEAD_DIM = 128
_MAX_HEADS_PER_KV_HEAD = 64
# So that a hostile file cannot ask for endless lists of tensors; 120b has 36 and 128.
MAX_LAYERS = 4096
MAX_EXPERTS = 65536

# Betas closer than this would divide by what rounding leaves of their distance.
_RAMP = 1.001

_ARCHITECTURE = "GptOssForCausalLM"
_GENERATION = "generation_config.json"
# Values that the original configuration leaves to its code.
_SWIGLU_ALPHA = 1.702
_RMS_NORM_EPS = 1e-5
# A configuration file is a few kilobytes.
_MAX_FILE_BYTES = 1 << 20


class LayerType(StrEnum):
    """What a layer attends to, by the name that config.json uses."""

    SLIDING = "sliding_attention"
    FULL = "full_attention"


class ExpertFormat(StrEnum):
    """How expert weights are stored: packed, or bfloat16 with in-features first."""

    MXFP4 = "mxfp4"
    BF16 = "bf16"


@dataclass(frozen=True)
class RopeConfig:
    """Rotary embedding stretched by YaRN, without truncation; raises ConfigError like `Config`."""

    theta: float = 150000.0
    factor: float = 32.0
    beta_slow: float = 1.0
    beta_fast: float = 32.0
    original_context: int = 4096

    def __post_init__(self) -> None:
        # Otherwise no pair lies between those that are kept and those that are slowed.
        turns = self.original_context / (2 * math.pi)
        least = _RAMP * self.beta_slow
        if not least < min(self.beta_fast, turns) or self.original_context > self.theta:
            raise _Misfit(
                f"got a rotary embedding with betas {self.beta_slow} and {self.beta_fast}, context "
                f"{self.original_context} and base {self.theta}, wanted beta_slow < beta_fast and "
                "2 pi beta_slow < context <= base; not a gpt-oss model"
            )


@dataclass(frozen=True)
class Config:
    """The shape of one gpt-oss model; raises ConfigError when its parts do not fit together."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_experts: int
    experts_per_token: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    sliding_window: int
    layer_types: tuple[LayerType, ...]
    max_positions: int
    rope: RopeConfig
    swiglu_alpha: float = _SWIGLU_ALPHA
    swiglu_limit: float = 7.0
    rms_norm_eps: float = _RMS_NORM_EPS
    expert_format: ExpertFormat = ExpertFormat.MXFP4
    eos_token_ids: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        _require_multiple("hidden_size", self.hidden_size, _BLOCK)
        _require_multiple("intermediate_size", self.intermediate_size, _BLOCK)
        _require_multiple("num_attention_heads", self.num_heads, self.num_kv_heads)
        _require_multiple("num_attention_heads x head_dim", self.num_heads * self.head_dim, _BLOCK)
        _require_multiple("head_dim", self.head_dim, _HEAD_DIM_STEP)
        _require_at_most("head_dim", self.head_dim, _MAX_HEAD_DIM)
        group = self.num_heads // self.num_kv_heads
        _require_at_most("query heads for each KV head", group, _MAX_HEADS_PER_KV_HEAD)
        _require_at_most("num_experts_per_tok", self.experts_per_token, self.num_experts)
        _require_at_most("max_position_embeddings", self.max_positions, MOST)
        if not self.layer_types:
            raise ConfigError("got no layers, wanted at least one; see num_hidden_layers")

    @property
    def num_layers(self) -> int:
        """The number of layers."""
        return len(self.layer_types)

    @classmethod
    def from_file(cls, path: str | Path) -> Config:
        """Read a config.json, and the stop ids of a generation_config.json beside it.

        Raises ConfigError when a file is missing, is not JSON, or is not a gpt-oss configuration.
        """
        path = Path(path)
        data = _read_object(path)
        generation = path.with_name(_GENERATION)
        found = _read_object(generation) if os.path.lexists(generation) else {}
        remedy = f"take the {_GENERATION} that was published with the weights"
        fields = Fields(found, str(generation), remedy=remedy)
        if "eos_token_id" not in fields:
            return cls.from_dict(data, source=str(path))
        # These count, whatever the other file has.
        config = cls.from_dict({**data, "eos_token_id": None}, source=str(path))
        return replace(config, eos_token_ids=fields.token_ids("eos_token_id", config.vocab_size))

    @classmethod
    def from_dict(cls, data: dict[str, object], *, source: str = "config.json") -> Config:
        """Read a configuration in either spelling; `source` names it in errors.

        Raises ConfigError for a missing key, a wrong value or another kind of model.
        """
        fields = Fields(data, source)
        try:
            return _read_original(fields) if is_original(data) else _read_hugging_face(fields)
        except _Misfit as misfit:
            raise ConfigError(f"{source}: {misfit}") from None

    def to_dict(self) -> dict[str, object]:
        """The configuration in the released Hugging Face spelling."""
        data: dict[str, object] = {
            "architectures": [_ARCHITECTURE],
            "model_type": "gpt_oss",
            "vocab_size": self.vocab_size,
            "hidden_size": self.hidden_size,
            "intermediate_size": self.intermediate_size,
            "num_hidden_layers": self.num_layers,
            "num_local_experts": self.num_experts,
            "num_experts_per_tok": self.experts_per_token,
            "experts_per_token": self.experts_per_token,
            "num_attention_heads": self.num_heads,
            "num_key_value_heads": self.num_kv_heads,
            "head_dim": self.head_dim,
            "layer_types": [str(layer_type) for layer_type in self.layer_types],
            "sliding_window": self.sliding_window,
            "max_position_embeddings": self.max_positions,
            "initial_context_length": self.rope.original_context,
            "rope_theta": self.rope.theta,
            "rope_scaling": {
                "rope_type": "yarn",
                "factor": self.rope.factor,
                "beta_fast": self.rope.beta_fast,
                "beta_slow": self.rope.beta_slow,
                "original_max_position_embeddings": self.rope.original_context,
                "truncate": False,
            },
            "swiglu_limit": self.swiglu_limit,
            "rms_norm_eps": self.rms_norm_eps,
            "attention_bias": True,
            "hidden_act": "silu",
            "tie_word_embeddings": False,
            "torch_dtype": "bfloat16",
            "use_cache": True,
            # What other programs train with.
            "attention_dropout": 0.0,
            "initializer_range": 0.02,
            "output_router_logits": False,
            "router_aux_loss_coef": 0.9,
        }
        if self.swiglu_alpha != _SWIGLU_ALPHA:
            data["swiglu_alpha"] = self.swiglu_alpha
        if self.eos_token_ids:
            data["eos_token_id"] = self.eos_token_ids[0]
        if self.expert_format is ExpertFormat.MXFP4:
            data["quantization_config"] = {
                "quant_method": "mxfp4",
                "modules_to_not_convert": [
                    "model.layers.*.self_attn",
                    "model.layers.*.mlp.router",
                    "model.embed_tokens",
                    "lm_head",
                ],
            }
        return data


def alternating_layers(count: int) -> tuple[LayerType, ...]:
    """The released pattern: layers with an even index slide, the others attend to everything."""
    return tuple(LayerType.FULL if i % 2 else LayerType.SLIDING for i in range(count))


def require_implied(config: Config, form: str, **implied: object) -> None:
    """Raises ConfigError for other values than those that a form of files leaves to the code that reads it."""
    for name, value in implied.items():
        if getattr(config, name) != value:
            raise ConfigError(
                f"got {name} = {getattr(config, name)}, and {form} cannot say it: every reader takes {value}; "
                "wanted another form"
            )


def is_original(data: dict[str, object]) -> bool:
    """Whether a configuration is in the spelling of the released `original/` folder."""
    return "model_type" not in data and "rope_scaling_factor" in data


class _Misfit(ConfigError):
    """Values that are right one by one and do not fit together."""


def _require_multiple(name: str, value: int, unit: int) -> None:
    if value % unit:
        raise _Misfit(f"got {name} = {value}, wanted a multiple of {unit}; not a gpt-oss model")


def _require_at_most(name: str, value: int, limit: int) -> None:
    if value > limit:
        raise _Misfit(f"got {name} = {value}, wanted at most {limit}; not a gpt-oss model")


def _read_object(path: Path) -> dict[str, object]:
    try:
        return read_object(path, most_bytes=_MAX_FILE_BYTES)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(
            f"cannot read {path}: {reason}; wanted the {path.name} of a gpt-oss checkpoint"
        ) from None
    except ValueError as error:
        raise ConfigError(f"{path} cannot be read: {error}; download it again") from None


def _read_hugging_face(fields: Fields) -> Config:
    _require_gpt_oss(fields)
    vocab_size = fields.count("vocab_size")
    return Config(
        vocab_size=vocab_size,
        hidden_size=fields.count("hidden_size"),
        intermediate_size=fields.count("intermediate_size"),
        num_experts=fields.count("num_local_experts", "num_experts", at_most=MAX_EXPERTS),
        experts_per_token=fields.count("num_experts_per_tok", "experts_per_token"),
        num_heads=fields.count("num_attention_heads"),
        num_kv_heads=fields.count("num_key_value_heads"),
        head_dim=fields.count("head_dim"),
        sliding_window=fields.count("sliding_window"),
        layer_types=_read_layer_types(fields),
        max_positions=fields.count("max_position_embeddings"),
        rope=_read_rope(fields),
        swiglu_alpha=fields.number("swiglu_alpha", default=_SWIGLU_ALPHA),
        swiglu_limit=fields.number("swiglu_limit"),
        rms_norm_eps=fields.number("rms_norm_eps", default=_RMS_NORM_EPS),
        expert_format=_read_expert_format(fields),
        eos_token_ids=fields.token_ids("eos_token_id", vocab_size),
    )


def _require_gpt_oss(fields: Fields) -> None:
    if fields.raw("model_type") != "gpt_oss":
        raise fields.error("model_type", "'gpt_oss'")
    if "architectures" in fields and fields.raw("architectures") != [_ARCHITECTURE]:
        raise fields.error("architectures", f"[{_ARCHITECTURE!r}]")
    fields.require("attention_bias", True)
    fields.require("tie_word_embeddings", False)
    fields.require("hidden_act", "silu")


def _read_layer_types(fields: Fields) -> tuple[LayerType, ...]:
    count = fields.count("num_hidden_layers", at_most=MAX_LAYERS)
    if "layer_types" not in fields:
        return alternating_layers(count)
    types = fields.raw("layer_types")
    known = [str(layer_type) for layer_type in LayerType]
    if (
        not isinstance(types, list)
        or len(types) != count
        or any(not isinstance(name, str) or name not in known for name in types)
    ):
        raise fields.error("layer_types", f"{count} entries (num_hidden_layers) of {known}")
    return tuple(LayerType(name) for name in types)


def _read_rope(fields: Fields) -> RopeConfig:
    """`rope_scaling` with `rope_theta` beside it, or the newer `rope_parameters` with both."""
    newer = "rope_parameters" in fields
    scaling = fields.section("rope_parameters" if newer else "rope_scaling")
    kind = "rope_type" if "rope_type" in scaling else "type"
    if scaling.raw(kind) != "yarn":
        raise scaling.error(kind, "'yarn'")
    scaling.require("truncate", False)
    parameters = (
        "factor",
        "beta_fast",
        "beta_slow",
        "original_max_position_embeddings",
        "truncate",
        "rope_theta",
        "rope_type",
        "type",
    )
    # Another parameter, such as an attention factor of its own, would silently change every result.
    scaling.refuse_others(parameters)
    theta_at = scaling if "rope_theta" in scaling else fields
    # Older files have the context beside the section only.
    inner = "original_max_position_embeddings"
    context = scaling.count(inner) if inner in scaling else fields.count("initial_context_length")
    return RopeConfig(
        theta=theta_at.number("rope_theta", at_least=2.0),
        factor=scaling.number("factor", at_least=1.0),
        beta_slow=scaling.number("beta_slow"),
        beta_fast=scaling.number("beta_fast"),
        original_context=context,
    )


def _read_expert_format(fields: Fields) -> ExpertFormat:
    if "quantization_config" not in fields:
        return ExpertFormat.BF16
    quantisation = fields.section("quantization_config")
    if quantisation.raw("quant_method") != "mxfp4":
        raise quantisation.error("quant_method", "'mxfp4', or no quantization_config for bfloat16")
    return ExpertFormat.MXFP4


def _read_original(fields: Fields) -> Config:
    rope = RopeConfig(
        theta=fields.number("rope_theta", at_least=2.0),
        factor=fields.number("rope_scaling_factor", at_least=1.0),
        beta_slow=fields.number("rope_ntk_alpha"),
        beta_fast=fields.number("rope_ntk_beta"),
        original_context=fields.count("initial_context_length"),
    )
    return Config(
        vocab_size=fields.count("vocab_size"),
        hidden_size=fields.count("hidden_size"),
        intermediate_size=fields.count("intermediate_size"),
        num_experts=fields.count("num_experts", at_most=MAX_EXPERTS),
        experts_per_token=fields.count("experts_per_token"),
        num_heads=fields.count("num_attention_heads"),
        num_kv_heads=fields.count("num_key_value_heads"),
        head_dim=fields.count("head_dim"),
        sliding_window=fields.count("sliding_window"),
        layer_types=alternating_layers(fields.count("num_hidden_layers", at_most=MAX_LAYERS)),
        max_positions=int(rope.original_context * rope.factor),
        rope=rope,
        swiglu_limit=fields.number("swiglu_limit"),
    )
