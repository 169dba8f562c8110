"""The three layouts of a gpt-oss checkpoint: what each tensor is called, its shape and dtype.

Inside the program a tensor goes by its part, such as `query.weight`; a layout maps parts to names.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from gptoss.model.config import Config, ExpertFormat
from gptoss.model.safetensors import TensorSpec

# Values of an MXFP4 block and the bytes they take.
BLOCK_VALUES, BLOCK_BYTES = 32, 16


class Place(NamedTuple):
    """A tensor of a layout: its part, its layer if it is of one, and how files describe it."""

    part: str
    layer: int | None
    spec: TensorSpec


@dataclass(frozen=True)
class Layout:
    """Names by part; those of `layer_names` have a place for the layer's number.

    Matrices are bfloat16. Vectors (norms, biases, sinks) are bfloat16 as released; exports of
    fine-tunes may keep them in float32.
    """

    title: str
    model_names: Mapping[str, str]
    layer_names: Mapping[str, str]

    def name(self, part: str, layer: int | None = None) -> str:
        """The tensor's name in the files."""
        if layer is None:
            return self.model_names[part]
        return self.layer_names[part].format(layer)

    def parts(self, config: Config) -> Iterator[tuple[str, int | None]]:
        """Every tensor's part, and its layer if it is of one, in an order in which a file may hold them."""
        yield from ((part, None) for part in self.model_names)
        for layer in range(config.num_layers):
            yield from ((part, layer) for part in self.layer_names)

    def places(self, config: Config) -> Iterator[Place]:
        """Every tensor as released, in that order."""
        shapes = _shapes(config)
        for part, layer in self.parts(config):
            yield Place(part, layer, TensorSpec(self.name(part, layer), _dtype(part), shapes[part]))

    def specs(self, config: Config) -> tuple[TensorSpec, ...]:
        """The tensors of `places` as files describe them."""
        return tuple(place.spec for place in self.places(config))


def dtypes_read(spec: TensorSpec) -> tuple[str, ...]:
    """The dtypes that are taken where `spec` is expected."""
    return (spec.dtype, "F32") if is_vector(spec) else (spec.dtype,)


def is_vector(spec: TensorSpec) -> bool:
    """Whether it is a norm, a bias or sinks, which are kept in memory as float32."""
    return len(spec.shape) == 1 or spec.name.endswith("bias")


def layout_of(config: Config) -> Layout:
    """The Hugging Face layout that a configuration calls for."""
    return PACKED if config.expert_format is ExpertFormat.MXFP4 else BF16


def count_parameters(config: Config) -> tuple[int, int]:
    """Parameters in all, and those that one token uses: its experts' share only, and one row of the embedding."""
    shapes = _shapes(config)
    total = active = 0
    for part in (*BF16.model_names, *BF16.layer_names):
        count = math.prod(shapes[part]) * (config.num_layers if part in BF16.layer_names else 1)
        total += count
        if part.startswith(("gate_up", "down")):
            count = count * config.experts_per_token // config.num_experts
        active += 0 if part == "embedding" else count
    return total, active + config.hidden_size


def _dtype(part: str) -> str:
    return "U8" if part.endswith((".blocks", ".scales")) else "BF16"


def _shapes(config: Config) -> dict[str, tuple[int, ...]]:
    hidden, inner, experts = config.hidden_size, config.intermediate_size, config.num_experts
    heads, kv = config.num_heads * config.head_dim, config.num_kv_heads * config.head_dim
    gate_up = (experts, 2 * inner, hidden // BLOCK_VALUES)
    down = (experts, hidden, inner // BLOCK_VALUES)
    return {
        "embedding": (config.vocab_size, hidden),
        "head": (config.vocab_size, hidden),
        "norm": (hidden,),
        "attention.norm": (hidden,),
        "query.weight": (heads, hidden),
        "query.bias": (heads,),
        "key.weight": (kv, hidden),
        "key.bias": (kv,),
        "value.weight": (kv, hidden),
        "value.bias": (kv,),
        "qkv.weight": (heads + 2 * kv, hidden),
        "qkv.bias": (heads + 2 * kv,),
        "output.weight": (hidden, heads),
        "output.bias": (hidden,),
        "sinks": (config.num_heads,),
        "experts.norm": (hidden,),
        "router.weight": (experts, hidden),
        "router.bias": (experts,),
        "gate_up.blocks": (*gate_up, BLOCK_BYTES),
        "gate_up.scales": gate_up,
        "gate_up.weight": (experts, hidden, 2 * inner),
        "gate_up.bias": (experts, 2 * inner),
        "down.blocks": (*down, BLOCK_BYTES),
        "down.scales": down,
        "down.weight": (experts, inner, hidden),
        "down.bias": (experts, hidden),
    }


_HUGGING_FACE_MODEL = MappingProxyType(
    {
        "embedding": "model.embed_tokens.weight",
        "norm": "model.norm.weight",
        "head": "lm_head.weight",
    }
)
_HUGGING_FACE_LAYER = {
    "attention.norm": "model.layers.{}.input_layernorm.weight",
    "query.weight": "model.layers.{}.self_attn.q_proj.weight",
    "query.bias": "model.layers.{}.self_attn.q_proj.bias",
    "key.weight": "model.layers.{}.self_attn.k_proj.weight",
    "key.bias": "model.layers.{}.self_attn.k_proj.bias",
    "value.weight": "model.layers.{}.self_attn.v_proj.weight",
    "value.bias": "model.layers.{}.self_attn.v_proj.bias",
    "output.weight": "model.layers.{}.self_attn.o_proj.weight",
    "output.bias": "model.layers.{}.self_attn.o_proj.bias",
    "sinks": "model.layers.{}.self_attn.sinks",
    "experts.norm": "model.layers.{}.post_attention_layernorm.weight",
    "router.weight": "model.layers.{}.mlp.router.weight",
    "router.bias": "model.layers.{}.mlp.router.bias",
    "gate_up.bias": "model.layers.{}.mlp.experts.gate_up_proj_bias",
    "down.bias": "model.layers.{}.mlp.experts.down_proj_bias",
}

PACKED = Layout(
    "Hugging Face, MXFP4 experts",
    _HUGGING_FACE_MODEL,
    MappingProxyType(
        {
            **_HUGGING_FACE_LAYER,
            "gate_up.blocks": "model.layers.{}.mlp.experts.gate_up_proj_blocks",
            "gate_up.scales": "model.layers.{}.mlp.experts.gate_up_proj_scales",
            "down.blocks": "model.layers.{}.mlp.experts.down_proj_blocks",
            "down.scales": "model.layers.{}.mlp.experts.down_proj_scales",
        }
    ),
)

BF16 = Layout(
    "Hugging Face, bfloat16 experts",
    _HUGGING_FACE_MODEL,
    MappingProxyType(
        {
            **_HUGGING_FACE_LAYER,
            "gate_up.weight": "model.layers.{}.mlp.experts.gate_up_proj",
            "down.weight": "model.layers.{}.mlp.experts.down_proj",
        }
    ),
)

ORIGINAL = Layout(
    "original, MXFP4 experts",
    MappingProxyType(
        {
            "embedding": "embedding.weight",
            "norm": "norm.scale",
            "head": "unembedding.weight",
        }
    ),
    MappingProxyType(
        {
            "attention.norm": "block.{}.attn.norm.scale",
            "qkv.weight": "block.{}.attn.qkv.weight",
            "qkv.bias": "block.{}.attn.qkv.bias",
            "output.weight": "block.{}.attn.out.weight",
            "output.bias": "block.{}.attn.out.bias",
            "sinks": "block.{}.attn.sinks",
            "experts.norm": "block.{}.mlp.norm.scale",
            "router.weight": "block.{}.mlp.gate.weight",
            "router.bias": "block.{}.mlp.gate.bias",
            "gate_up.blocks": "block.{}.mlp.mlp1_weight.blocks",
            "gate_up.scales": "block.{}.mlp.mlp1_weight.scales",
            "gate_up.bias": "block.{}.mlp.mlp1_bias",
            "down.blocks": "block.{}.mlp.mlp2_weight.blocks",
            "down.scales": "block.{}.mlp.mlp2_weight.scales",
            "down.bias": "block.{}.mlp.mlp2_bias",
        }
    ),
)
