"""Writes a checkpoint as GGUF, so that llama.cpp runs the same weights: python -m benchmarks.peers.gguf_file DIR FILE.

Attention, embedding and head as Q8_0, which is what the official GGUF has, or as stored (--weights stored). Needs the
package gguf. The file has no tokenizer: it takes token ids.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type
from numpy.typing import NDArray
from rich.progress import track

from gptoss.kernels.bf16 import bf16_to_float32
from gptoss.model.checkpoint import open_checkpoint
from gptoss.model.config import Config
from gptoss.model.weights import (
    LayerWeights,
    Linear,
    Matrix,
    ModelWeights,
    Mxfp4Experts,
)

Array = NDArray[Any]
_Q8_BLOCK_BYTES, _MXFP4_BLOCK_BYTES, _BLOCK = 34, 17, 32


@dataclass(frozen=True)
class Tensor:
    """One tensor of the file; `make` gives its bytes when they are written, so that memory stays flat."""

    name: str
    shape: tuple[int, ...]
    kind: Type
    make: Callable[[], Array]


def write_gguf(directory: Path, file: Path, *, quantised: bool) -> None:
    """All of a checkpoint in MXFP4; `quantised` has the other matrices in Q8_0."""
    checkpoint = open_checkpoint(directory)
    writer = gguf.GGUFWriter(file, "gpt-oss")
    _write_config(writer, checkpoint.config)
    tensors = [*_tensors(checkpoint.weights, Type.Q8_0 if quantised else Type.BF16)]
    for tensor in tensors:
        data_type, shape = np.dtype(np.uint8), _byte_shape(tensor)
        size = int(np.prod(shape))
        writer.add_tensor_info(tensor.name, shape, data_type, size, tensor.kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for tensor in track(tensors, description=file.name):
        writer.write_tensor_data(np.ascontiguousarray(tensor.make()).view(np.uint8))
    writer.close()


def _write_config(writer: gguf.GGUFWriter, config: Config) -> None:
    writer.add_context_length(config.max_positions)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(len(config.layer_types))
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_expert_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_heads)
    writer.add_head_count_kv(config.num_kv_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_expert_count(config.num_experts)
    writer.add_expert_used_count(config.experts_per_token)
    writer.add_sliding_window(config.sliding_window)
    writer.add_rope_freq_base(config.rope.theta)
    writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
    writer.add_rope_scaling_factor(config.rope.factor)
    writer.add_rope_scaling_orig_ctx_len(config.rope.original_context)
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("none")


def _tensors(weights: ModelWeights, kind: Type) -> Iterator[Tensor]:
    yield _matrix("token_embd.weight", _stored(weights.embedding), kind)
    yield _floats("output_norm.weight", weights.norm)
    yield _matrix("output.weight", _stored(weights.head), kind)
    for index, layer in enumerate(weights.layers):
        yield from _layer(f"blk.{index}", layer, kind)


def _layer(prefix: str, layer: LayerWeights, kind: Type) -> Iterator[Tensor]:
    attention, experts = layer.attention, layer.experts
    yield _floats(f"{prefix}.attn_norm.weight", attention.norm)
    for part, linear in zip("qkv", attention.qkv, strict=True):
        yield from _linear(f"{prefix}.attn_{part}", linear, kind)
    yield from _linear(f"{prefix}.attn_output", attention.output, kind)
    yield _floats(f"{prefix}.attn_sinks.weight", attention.sinks)
    yield _floats(f"{prefix}.post_attention_norm.weight", experts.norm)
    yield _floats(f"{prefix}.ffn_gate_inp.weight", bf16_to_float32(_stored(experts.router.weight)))
    yield _floats(f"{prefix}.ffn_gate_inp.bias", experts.router.bias)
    gate_up, down = experts.gate_up, experts.down
    if not isinstance(gate_up, Mxfp4Experts) or not isinstance(down, Mxfp4Experts):
        raise SystemExit("the checkpoint's experts are not MXFP4; give one in the released layout")
    # Even rows are the gate's, odd ones the up projection's.
    yield from _experts(f"{prefix}.ffn_gate_exps", gate_up, slice(0, None, 2))
    yield from _experts(f"{prefix}.ffn_up_exps", gate_up, slice(1, None, 2))
    yield from _experts(f"{prefix}.ffn_down_exps", down, slice(None))


def _floats(name: str, values: Array) -> Tensor:
    return Tensor(name, values.shape, Type.F32, lambda: values.astype(np.float32))


def _matrix(name: str, bits: Array, kind: Type) -> Tensor:
    make = (lambda: _q8(bits)) if kind is Type.Q8_0 else (lambda: bits)
    return Tensor(name, bits.shape, kind, make)


def _linear(name: str, linear: Linear, kind: Type) -> Iterator[Tensor]:
    yield _matrix(f"{name}.weight", _stored(linear.weight), kind)
    yield _floats(f"{name}.bias", linear.bias)


def _experts(name: str, experts: Mxfp4Experts, rows: slice) -> Iterator[Tensor]:
    blocks, scales = experts.blocks[:, rows], experts.scales[:, rows]
    shape = (*blocks.shape[:2], blocks.shape[2] * _BLOCK)
    yield Tensor(f"{name}.weight", shape, Type.MXFP4, lambda: _mxfp4(blocks, scales))
    yield _floats(f"{name}.bias", experts.bias[:, rows])


def _stored(matrix: Matrix) -> Array:
    if not isinstance(matrix, np.ndarray):
        raise SystemExit("the checkpoint is a GGUF file itself; give one in the released layout")
    return matrix


def _q8(bits: Array) -> Array:
    """(out, in) bfloat16 to blocks of a half-precision scale and 32 signed bytes, as ggml rounds."""
    out = np.empty((len(bits), bits.shape[1] // _BLOCK * _Q8_BLOCK_BYTES), np.uint8)
    for start in range(0, len(bits), 4096):
        rows = bf16_to_float32(np.ascontiguousarray(bits[start : start + 4096]))
        out[start : start + 4096] = gguf.quants.quantize(rows, Type.Q8_0)
    return out


def _mxfp4(blocks: Array, scales: Array) -> Array:
    """Blocks in ggml's order: the scale, then bytes of value j in the low and j + 16 in the high nibble."""
    out = np.empty((*scales.shape, _MXFP4_BLOCK_BYTES), np.uint8)
    out[..., 0] = scales
    for expert, packed in enumerate(blocks):
        values = np.stack([packed & 15, packed >> 4], axis=-1).reshape(*packed.shape[:2], _BLOCK)
        out[expert, ..., 1:] = values[..., :16] | values[..., 16:] << 4
    return out


def _byte_shape(tensor: Tensor) -> tuple[int, ...]:
    *leading, width = tensor.shape
    block = {Type.Q8_0: _Q8_BLOCK_BYTES, Type.MXFP4: _MXFP4_BLOCK_BYTES}.get(tensor.kind)
    if block is not None:
        return (*leading, width // _BLOCK * block)
    return (*leading, width * (2 if tensor.kind is Type.BF16 else 4))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("file", type=Path)
    parser.add_argument("--weights", choices=["stored", "int8"], default="int8")
    options = parser.parse_args()
    write_gguf(options.directory, options.file, quantised=options.weights == "int8")


if __name__ == "__main__":
    main()
