"""The dialects of GGUF files of gpt-oss: what each tensor is called and which shape it has.

llama.cpp has attention in three matrices and the experts' gate and up apart, or, as an option of its converter, in one
tensor, the gate's rows first. Ollama's converter began with the tensors of the released folders under new names, gate
and up taking turns, and came to split them. Sources: llama.cpp's list of tensors and its converter's GptOssModel;
Ollama's model/models/gptoss/model.go and convert/convert_gptoss.go.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gptoss.model.config import Config
from gptoss.model.gguf_config import OLLAMA
from gptoss.model.layouts import Layout

_MODEL_NAMES = {
    "embedding": "token_embd.weight",
    "norm": "output_norm.weight",
    "head": "output.weight",
}
_COMMON = {
    "attention.norm": "blk.{}.attn_norm.weight",
    "router.weight": "blk.{}.ffn_gate_inp.weight",
    "router.bias": "blk.{}.ffn_gate_inp.bias",
    "down.weight": "blk.{}.ffn_down_exps.weight",
    "down.bias": "blk.{}.ffn_down_exps.bias",
}
# Of each group a file has one, the same in all layers; it shows by the first name. The first group is llama.cpp's.
_CHOICES: tuple[tuple[Mapping[str, str], ...], ...] = (
    (
        {
            f"{part}.{kind}": f"blk.{{}}.attn_{part[0]}.{kind}"
            for part in ("query", "key", "value")
            for kind in ("weight", "bias")
        },
        {f"qkv.{kind}": f"blk.{{}}.attn_qkv.{kind}" for kind in ("weight", "bias")},
    ),
    tuple(
        {f"output.{kind}": f"blk.{{}}.{name}.{kind}" for kind in ("weight", "bias")}
        for name in ("attn_output", "attn_out")
    ),
    tuple({"sinks": f"blk.{{}}.{name}"} for name in ("attn_sinks.weight", "attn_sinks")),
    tuple(
        {"experts.norm": f"blk.{{}}.{name}.weight"} for name in ("post_attention_norm", "ffn_norm")
    ),
    (
        {
            f"{part}.{kind}": f"blk.{{}}.ffn_{part}_exps.{kind}"
            for part in ("gate", "up")
            for kind in ("weight", "bias")
        },
        {f"gate_up.{kind}": f"blk.{{}}.ffn_gate_up_exps.{kind}" for kind in ("weight", "bias")},
    ),
)


@dataclass(frozen=True)
class GgufLayout(Layout):
    """Names by part, as in other layouts; `takes_turns` says how gate and up lie in one tensor, if they do."""

    takes_turns: bool

    @property
    def is_fused(self) -> bool:
        """Whether queries, keys and values are one matrix."""
        return "qkv.weight" in self.layer_names

    @property
    def has_gate_up(self) -> bool:
        """Whether gate and up are one tensor."""
        return "gate_up.weight" in self.layer_names

    def shapes(self, config: Config) -> dict[str, tuple[int, ...]]:
        """The shape of every tensor by its name, outermost dimension first."""
        shapes = _shapes(config)
        return {self.name(*place): shapes[place[0]] for place in self.parts(config)}


def is_expert_part(part: str) -> bool:
    """Whether it is weights of experts, which MXFP4 is for."""
    return part in ("gate.weight", "up.weight", "gate_up.weight", "down.weight")


def is_vector_part(part: str) -> bool:
    """Whether it is a norm, a bias or sinks, which are kept in memory as float32."""
    return part.endswith(("norm", "bias", "sinks"))


def num_eager_bytes(config: Config, layout: GgufLayout) -> int:
    """What is made anew in memory when a file is opened: norms, biases, sinks and routers."""
    shapes = _shapes(config)
    in_layers = sum(
        4 * math.prod(shapes[part])
        for part in layout.layer_names
        if is_vector_part(part) or part == "router.weight"
    )
    return in_layers * config.num_layers + 4 * config.hidden_size


def recognise(names: Collection[str], architecture: str) -> GgufLayout:
    """The dialect by the names of the first layer; what is missing of it or more than it shows when it is checked."""
    layer_names = dict(_COMMON)
    for group in _CHOICES:
        chosen = (each for each in group if next(iter(each.values())).format(0) in names)
        layer_names.update(next(chosen, group[0]))
    writer = "Ollama" if architecture == OLLAMA else "llama.cpp"
    fused = [
        label
        for part, label in (("qkv.weight", "attention"), ("gate_up.weight", "gate and up"))
        if part in layer_names
    ]
    title = f"GGUF of {writer}, " + (f"{' and '.join(fused)} fused" if fused else "nothing fused")
    return GgufLayout(
        title,
        MappingProxyType(_MODEL_NAMES),
        MappingProxyType(layer_names),
        takes_turns=architecture == OLLAMA,
    )


def _shapes(config: Config) -> dict[str, tuple[int, ...]]:
    hidden, inner, experts = config.hidden_size, config.intermediate_size, config.num_experts
    heads, kv = config.num_heads * config.head_dim, config.num_kv_heads * config.head_dim
    rows = {"query": heads, "key": kv, "value": kv, "qkv": heads + 2 * kv}
    of_experts = {"gate": inner, "up": inner, "gate_up": 2 * inner}
    return {
        "embedding": (config.vocab_size, hidden),
        "head": (config.vocab_size, hidden),
        "norm": (hidden,),
        "attention.norm": (hidden,),
        **{f"{part}.weight": (count, hidden) for part, count in rows.items()},
        **{f"{part}.bias": (count,) for part, count in rows.items()},
        "output.weight": (hidden, heads),
        "output.bias": (hidden,),
        "sinks": (config.num_heads,),
        "experts.norm": (hidden,),
        "router.weight": (experts, hidden),
        "router.bias": (experts,),
        **{f"{part}.weight": (experts, count, hidden) for part, count in of_experts.items()},
        **{f"{part}.bias": (experts, count) for part, count in of_experts.items()},
        "down.weight": (experts, hidden, inner),
        "down.bias": (experts, hidden),
    }
