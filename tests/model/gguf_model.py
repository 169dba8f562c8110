"""A random model as GGUF, in each dialect and with any types, by the published writer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type
from numpy.typing import NDArray

from gptoss.kernels import Backend
from gptoss.kernels.bf16 import bf16_to_float32
from gptoss.model.checkpoint import open_checkpoint
from gptoss.model.config import Config
from gptoss.model.packing import Arrays, Packing, WeightType
from tests.model.random_model import RandomModel

Array = NDArray[Any]
# The writer knows no name for Ollama's number of MXFP4, nor does it check the one it is given.
PAIRS = 4


@dataclass(frozen=True)
class Dialect:
    """How a file is written: names by part, what is fused, and the order of gate and up, and of nibbles."""

    architecture: str = "gpt-oss"
    names: tuple[str, str, str] = ("attn_output", "attn_sinks.weight", "post_attention_norm")
    fused_attention: bool = False
    # None: apart; else whether rows take turns.
    fused_experts: bool | None = None
    is_paired: bool = False


_OLLAMA_NAMES = ("attn_out", "attn_sinks", "ffn_norm")
DIALECTS = {
    "llama.cpp": Dialect(),
    "llama.cpp, gate and up fused": Dialect(fused_experts=False),
    "Ollama, of the original folder": Dialect(
        "gptoss", _OLLAMA_NAMES, fused_attention=True, fused_experts=True, is_paired=True
    ),
    "Ollama, of the Hugging Face folder": Dialect(
        "gptoss", _OLLAMA_NAMES, fused_experts=True, is_paired=True
    ),
    "Ollama, of the original folder, split": Dialect("gptoss", _OLLAMA_NAMES, fused_attention=True),
    "Ollama, split": Dialect("gptoss", _OLLAMA_NAMES),
}


def write_gguf(
    model: RandomModel,
    path: Path,
    dialect: Dialect = Dialect(),
    *,
    kind: Type = Type.BF16,
    vectors: Type = Type.F32,
    tensors: Callable[[dict[str, Array]], object] = lambda _: None,
    metadata: Callable[[gguf.GGUFWriter], object] = lambda _: None,
    without: str = "",
    **split: int,
) -> Path:
    """Write a model, its matrices but routers and experts as `kind`; `tensors` may change the dictionary before.

    `metadata` adds entries; the key `without` is left out. Returns the path.
    """
    writer = gguf.GGUFWriter(path, dialect.architecture, **split)
    _write_config(writer, model.config, dialect.architecture == "gpt-oss")
    metadata(writer)
    for entries in writer.kv_data:
        entries.pop(without, None)
    found = dict(_tensors(model, dialect))
    tensors(found)
    for name, values in found.items():
        _add(writer, name, values, kind, vectors, PAIRS if dialect.is_paired else Type.MXFP4)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def packed(path: Path, weights: str = "stored") -> Arrays:
    """What a checkpoint's matrices become, in memory."""
    checkpoint = open_checkpoint(path)
    weight_type = WeightType.parse(weights)
    packing = Packing(checkpoint.config, checkpoint.weights, weight_type, Backend(threads=1))
    return packing.in_memory()


def _write_config(writer: gguf.GGUFWriter, config: Config, is_llama_cpp: bool) -> None:
    writer.add_context_length(config.max_positions)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_heads)
    writer.add_head_count_kv(config.num_kv_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_expert_count(config.num_experts)
    writer.add_expert_used_count(config.experts_per_token)
    writer.add_sliding_window(config.sliding_window)
    writer.add_rope_freq_base(config.rope.theta)
    writer.add_rope_scaling_factor(config.rope.factor)
    writer.add_rope_scaling_orig_ctx_len(config.rope.original_context)
    if is_llama_cpp:
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_expert_feed_forward_length(config.intermediate_size)
        writer.add_vocab_size(config.vocab_size)


def _tensors(model: RandomModel, dialect: Dialect) -> Iterator[tuple[str, Array]]:
    """Floats of everything, but bytes of experts' blocks."""
    yield "token_embd.weight", _floats(model, "embedding")
    yield "output_norm.weight", _floats(model, "norm")
    yield "output.weight", _floats(model, "head")
    for layer in range(model.config.num_layers):
        for name, values in _layer(model, layer, dialect):
            yield f"blk.{layer}.{name}", values


def _layer(model: RandomModel, layer: int, dialect: Dialect) -> Iterator[tuple[str, Array]]:
    output, sinks, norm = dialect.names
    yield "attn_norm.weight", _floats(model, "attention.norm", layer)
    for kind in ("weight", "bias"):
        parts = [_floats(model, f"{name}.{kind}", layer) for name in ("query", "key", "value")]
        if dialect.fused_attention:
            yield f"attn_qkv.{kind}", np.concatenate(parts)
        else:
            yield from zip([f"attn_{x}.{kind}" for x in "qkv"], parts, strict=True)
        yield f"{output}.{kind}", _floats(model, f"output.{kind}", layer)
        yield f"ffn_gate_inp.{kind}", _floats(model, f"router.{kind}", layer)
    yield sinks, _floats(model, "sinks", layer)
    yield f"{norm}.weight", _floats(model, "experts.norm", layer)
    yield "ffn_down_exps.weight", _blocks(model, "down", layer, dialect)
    yield "ffn_down_exps.bias", _floats(model, "down.bias", layer)
    blocks, bias = _blocks(model, "gate_up", layer, dialect), _floats(model, "gate_up.bias", layer)
    for kind, rows in (("weight", blocks), ("bias", bias)):
        gate, up = rows[:, ::2], rows[:, 1::2]
        if dialect.fused_experts is None:
            yield f"ffn_gate_exps.{kind}", gate
            yield f"ffn_up_exps.{kind}", up
        else:
            in_turn = rows if dialect.fused_experts else np.concatenate([gate, up], axis=1)
            yield f"ffn_gate_up_exps.{kind}", in_turn


def _floats(model: RandomModel, part: str, layer: int | None = None) -> Array:
    return bf16_to_float32(model.tensors[part, layer])


def _blocks(model: RandomModel, part: str, layer: int, dialect: Dialect) -> Array:
    """(experts, out, bytes): each scale before the bytes of its block."""
    packed = model.tensors[f"{part}.blocks", layer]
    if not dialect.is_paired:
        values = np.stack([packed & 15, packed >> 4], axis=-1).reshape(*packed.shape[:-1], 32)
        packed = values[..., :16] | values[..., 16:] << 4
    blocks = np.concatenate([model.tensors[f"{part}.scales", layer][..., None], packed], axis=-1)
    return blocks.reshape(*blocks.shape[:2], -1)


def _add(
    writer: gguf.GGUFWriter, name: str, values: Array, kind: Type, vectors: Type, experts: int
) -> None:
    values = np.ascontiguousarray(values)
    if values.dtype == np.uint8:
        _add_blocks(writer, name, values, experts)
    elif values.ndim == 1 or "ffn_" in name:
        writer.add_tensor(name, gguf.quantize(values, vectors), raw_dtype=vectors)
    else:
        writer.add_tensor(name, gguf.quantize(values, kind), raw_dtype=kind)


def _add_blocks(writer: gguf.GGUFWriter, name: str, blocks: Array, kind: int) -> None:
    writer.add_tensor(name, blocks, raw_dtype=Type.MXFP4)
    info = writer.tensors[-1][name]
    info.dtype = kind if kind == PAIRS else Type.MXFP4
