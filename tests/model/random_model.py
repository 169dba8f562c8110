"""Small random models, written in each of the three layouts with the same values.

Weights are large enough for logits of order 1 to 10, scores that pick some keys over others and
gates that reach the clamp now and then: with timid ones, most mistakes would hide in rounding.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gptoss.kernels.bf16 import float32_to_bf16
from gptoss.model.checkpoint import open_checkpoint
from gptoss.model.config import Config, ExpertFormat, RopeConfig, alternating_layers
from gptoss.model.layouts import BF16, ORIGINAL, PACKED, Layout
from gptoss.model.mxfp4 import unpack_to_bf16
from gptoss.model.packing import Packing, WeightType
from gptoss.model.safetensors import TensorSpec
from gptoss.model.safetensors_writer import write_arrays
from gptoss.model.transformer import Transformer
from gptoss.model.workspace import Backend

LAYOUTS = {"packed": PACKED, "original": ORIGINAL, "bf16": BF16}

SMALL = Config(
    vocab_size=96,
    hidden_size=64,
    intermediate_size=32,
    num_experts=4,
    experts_per_token=2,
    num_heads=4,
    num_kv_heads=2,
    head_dim=16,
    sliding_window=8,
    layer_types=alternating_layers(2),
    max_positions=512,
    rope=RopeConfig(factor=4.0, original_context=128),
)


@dataclass(frozen=True)
class RandomModel:
    """A configuration and its tensors by part and layer, as the packed layout has them."""

    config: Config
    tensors: dict[tuple[str, int | None], NDArray[Any]]

    @classmethod
    def of(cls, config: Config, seed: int) -> RandomModel:
        """The same model for the same arguments."""
        random = np.random.default_rng(seed)
        tensors = {
            (part, layer): _draw(part, spec, config, random)
            for part, layer, spec in _parts(PACKED, config)
        }
        return cls(config, tensors)

    def tensor(self, layout: Layout, part: str, layer: int | None) -> NDArray[Any]:
        """One tensor as a layout has it."""
        if layout is ORIGINAL and part.startswith("qkv."):
            kind = part.removeprefix("qkv.")
            parts = [self.tensors[f"{name}.{kind}", layer] for name in ("query", "key", "value")]
            return np.concatenate(parts)
        if layout is BF16 and part in ("gate_up.weight", "down.weight"):
            name = part.removesuffix(".weight")
            blocks, scales = (self.tensors[f"{name}.{k}", layer] for k in ("blocks", "scales"))
            return unpack_to_bf16(blocks, scales)
        return self.tensors[part, layer]

    def named(self, layout: Layout) -> dict[str, tuple[str, NDArray[Any]]]:
        """All tensors of a layout: name to dtype and array."""
        return {
            spec.name: (spec.dtype, self.tensor(layout, part, layer))
            for part, layer, spec in _parts(layout, self.config)
        }

    def write(self, directory: Path, layout: Layout) -> Path:
        """Write config.json and one file of weights; returns the directory."""
        directory.mkdir(parents=True, exist_ok=True)
        write_arrays(directory / "model.safetensors", self.named(layout))
        data = original_config(self.config) if layout is ORIGINAL else config_for(self, layout)
        (directory / "config.json").write_text(json.dumps(data))
        return directory


def config_for(model: RandomModel, layout: Layout) -> dict[str, object]:
    """The config.json of a Hugging Face layout."""
    kind = ExpertFormat.BF16 if layout is BF16 else ExpertFormat.MXFP4
    return replace(model.config, expert_format=kind).to_dict()


def original_config(config: Config) -> dict[str, object]:
    """The config.json of the original layout."""
    assert config.layer_types == alternating_layers(config.num_layers)
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
        "initial_context_length": config.rope.original_context,
        "rope_theta": config.rope.theta,
        "rope_scaling_factor": config.rope.factor,
        "rope_ntk_alpha": config.rope.beta_slow,
        "rope_ntk_beta": config.rope.beta_fast,
    }


def random_config(seed: int) -> Config:
    """One of endlessly many shapes; only alternating layers, which all layouts can say."""
    random = np.random.default_rng(seed)
    kv_heads = int(random.choice([1, 2, 4]))
    num_experts = int(random.choice([4, 6, 8]))
    return Config(
        vocab_size=int(random.integers(64, 300)),
        hidden_size=32 * int(random.integers(2, 6)),
        intermediate_size=32 * int(random.integers(1, 5)),
        num_experts=num_experts,
        experts_per_token=int(random.integers(1, 5)),
        num_heads=kv_heads * int(random.choice([2, 4, 8])),
        num_kv_heads=kv_heads,
        head_dim=int(random.choice([16, 32, 64])),
        sliding_window=int(random.choice([1, 5, 16, 33, 64, 128])),
        layer_types=alternating_layers(int(random.integers(1, 5))),
        max_positions=4096,
        rope=RopeConfig(
            theta=float(random.choice([10000.0, 150000.0])),
            factor=float(random.choice([1.0, 8.0, 32.0])),
            original_context=int(random.choice([64, 128, 4096])),
        ),
        # Low enough for the clamp to work at these widths.
        swiglu_limit=float(random.choice([2.0, 7.0])),
    )


def random_ids(config: Config, count: int, seed: int = 0) -> NDArray[np.int64]:
    """So many token ids of the vocabulary."""
    return np.random.default_rng(seed).integers(0, config.vocab_size, count)


def _parts(layout: Layout, config: Config) -> list[tuple[str, int | None, TensorSpec]]:
    specs = {spec.name: spec for spec in layout.specs(config)}
    model: list[tuple[str, int | None]] = [(part, None) for part in layout.model_names]
    layers = [(part, n) for n in range(config.num_layers) for part in layout.layer_names]
    return [(part, n, specs[layout.name(part, n)]) for part, n in (*model, *layers)]


def _draw(part: str, spec: TensorSpec, config: Config, random: np.random.Generator) -> NDArray[Any]:
    if part.endswith(".blocks"):
        return random.integers(0, 256, spec.shape, dtype=np.uint8)
    if part.endswith(".scales"):
        # A random E2M1 value has the mean square 8.6; its product with a unit vector's 32 * n
        # values should have a deviation near 2.
        exponent = round(np.log2(2 / np.sqrt(8.6 * 32 * spec.shape[-1])))
        return random.integers(126 + exponent, 129 + exponent, spec.shape, dtype=np.uint8)
    values: Any = random.standard_normal(spec.shape).astype(np.float32)
    if part.endswith("norm"):
        values = 1 + values / 4
    elif part.endswith("weight"):
        values *= 1.5 / np.sqrt(spec.shape[-1])
    elif part == "head":
        values *= 3 / np.sqrt(config.hidden_size)
    elif part.endswith("bias"):
        values *= 0.5
    return float32_to_bf16(values)


def open_transformer(
    directory: Path, precision: str, backend: Backend, weights: str = "stored"
) -> Transformer:
    """A checkpoint ready to compute, its weights laid out in memory."""
    checkpoint = open_checkpoint(directory)
    packing = Packing(checkpoint.config, checkpoint.weights, WeightType.parse(weights), backend)
    packed = packing.assemble(packing.in_memory())
    return Transformer(checkpoint.config, packed, backend, precision)
