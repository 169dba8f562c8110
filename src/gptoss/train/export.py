"""A trained model as a checkpoint in the released layout: MXFP4 experts, the rest in bfloat16."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gptoss.kernels.bf16 import float32_to_bf16
from gptoss.model.config import Config, RopeConfig, alternating_layers
from gptoss.model.config_writer import write_config
from gptoss.model.layouts import PACKED
from gptoss.model.safetensors_writer import cannot_write, write_arrays
from gptoss.train.quantise import quantise_mxfp4
from gptoss.train.torch_model import Shape, TorchModel


def config_of(shape: Shape, eos_token_ids: tuple[int, ...] = ()) -> Config:
    """The configuration of a model of this shape."""
    return Config(
        vocab_size=shape.vocab_size,
        hidden_size=shape.hidden_size,
        intermediate_size=shape.intermediate_size,
        num_experts=shape.num_local_experts,
        experts_per_token=shape.num_experts_per_tok,
        num_heads=shape.num_attention_heads,
        num_kv_heads=shape.num_key_value_heads,
        head_dim=shape.head_dim,
        sliding_window=shape.sliding_window,
        layer_types=alternating_layers(shape.num_hidden_layers),
        max_positions=int(shape.original_max_position_embeddings * shape.rope_factor),
        rope=RopeConfig(
            theta=shape.rope_theta,
            factor=shape.rope_factor,
            beta_slow=shape.rope_beta_slow,
            beta_fast=shape.rope_beta_fast,
            original_context=shape.original_max_position_embeddings,
        ),
        swiglu_limit=shape.swiglu_limit,
        rms_norm_eps=shape.rms_norm_eps,
        eos_token_ids=eos_token_ids,
    )


def write_checkpoint(model: TorchModel, directory: Path, eos_token_ids: tuple[int, ...]) -> None:
    """Write model.safetensors, config.json and generation_config.json. Raises OutputError if it cannot."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(directory, error) from None
    config = config_of(model.shape, eos_token_ids)
    found = _packed_tensors(model)
    tensors = {spec.name: (spec.dtype, found[spec.name]) for spec in PACKED.specs(config)}
    write_arrays(directory / "model.safetensors", tensors)
    write_config(directory, config)


def _packed_tensors(model: TorchModel) -> dict[str, NDArray[Any]]:
    """Parameters under their released names, as bits."""
    tensors: dict[str, NDArray[Any]] = {}
    for name, parameter in model.named_parameters():
        released = name if name.startswith("lm_head") else f"model.{name}"
        if name.endswith(("gate_up_proj", "down_proj")):
            # Held in-features first; packed rows run along them.
            blocks, scales = quantise_mxfp4(parameter.transpose(-1, -2).contiguous())
            tensors[f"{released}_blocks"] = blocks.numpy()
            tensors[f"{released}_scales"] = scales.numpy()
        else:
            tensors[released] = _bf16_bits(parameter)
    return tensors


def _bf16_bits(parameter: Tensor) -> NDArray[np.uint16]:
    return float32_to_bf16(parameter.detach().to(torch.float32).numpy())
