"""A random model with random LoRA everywhere: over packed weights, and dequantised in transformers in float64."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gptoss.kernels import Backend, TrainingBackend
from gptoss.kernels.bf16 import bf16_to_float32
from gptoss.model.checkpoint import open_checkpoint
from gptoss.model.config import Config
from gptoss.model.packing import Packing, WeightType
from gptoss.model.rope import RotaryTables
from gptoss.model.weights import ModelWeights
from gptoss.train.packed import (
    Arithmetic,
    AttentionLayer,
    AttentionLora,
    ExpertLora,
    ExpertsLayer,
    ExpertsLora,
    Lora,
    Samples,
    head_loss,
)
from tests.model.oracle import Oracle
from tests.model.random_model import LAYOUTS, RandomModel

SCALE = 0.7
PROJECTIONS = ("query", "key", "value", "output")


@dataclass(frozen=True)
class Text:
    """Token ids of samples one after the other, and what predicting the next of each is worth."""

    ids: Tensor
    lengths: tuple[int, ...]
    targets: Tensor
    weights: Tensor

    @classmethod
    def random(cls, config: Config, lengths: Sequence[int], seed: int) -> Text:
        """About a third of the tokens carry no loss."""
        generator = torch.Generator().manual_seed(seed)
        count = sum(lengths)
        ids, targets = (
            torch.randint(config.vocab_size, (count,), generator=generator) for _ in range(2)
        )
        weights = torch.rand(count, generator=generator) / count
        weights[torch.rand(count, generator=generator) < 0.3] = 0
        return cls(ids, tuple(lengths), targets, weights)


def random_adapters(config: Config, rank: int, seed: int) -> dict[str, Tensor]:
    """LoRA of every matrix of every layer, and sinks, by name; deltas of about a tenth of the weights."""
    generator = torch.Generator().manual_seed(seed)
    heads, kv_heads = config.num_heads * config.head_dim, config.num_kv_heads * config.head_dim
    hidden, inner, experts = config.hidden_size, config.intermediate_size, config.num_experts
    shapes = {
        "query": (rank, hidden, heads, rank),
        "key": (rank, hidden, kv_heads, rank),
        "value": (rank, hidden, kv_heads, rank),
        "output": (rank, heads, hidden, rank),
        "gate_up": (experts * rank, hidden, 2 * inner, rank * experts),
        "down": (experts * rank, inner, hidden, rank * experts),
    }
    made = {}
    for layer in range(config.num_layers):
        for name, (a_rows, a_columns, b_rows, b_columns) in shapes.items():
            a = torch.randn(a_rows, a_columns, generator=generator) * a_columns**-0.5
            b = torch.randn(b_rows, b_columns, generator=generator) * 0.2 * rank**-0.5
            made[f"{layer}.{name}.a"], made[f"{layer}.{name}.b"] = a, b
        made[f"{layer}.sinks"] = torch.randn(config.num_heads, generator=generator)
    return {name: value.requires_grad_() for name, value in made.items()}


class PackedModel:
    """All layers over packed weights."""

    def __init__(
        self,
        directory: Path,
        arithmetic: Arithmetic | None = None,
        weights: WeightType = WeightType.STORED,
    ) -> None:
        backend = Backend()
        self.arithmetic = arithmetic or Arithmetic(backend, TrainingBackend(backend), "float32")
        checkpoint = open_checkpoint(directory)
        self.config = checkpoint.config
        packing = Packing(self.config, checkpoint.weights, weights, backend)
        self.weights: ModelWeights = packing.assemble(packing.in_memory())

    def loss(self, text: Text, adapters: dict[str, Tensor]) -> Tensor:
        config, weights = self.config, self.weights
        samples = Samples.of(text.lengths, RotaryTables(config.rope, config.head_dim))
        embedding = np.asarray(weights.embedding[text.ids.numpy()])
        hidden = torch.from_numpy(bf16_to_float32(embedding))
        for number, (kind, layer) in enumerate(
            zip(config.layer_types, weights.layers, strict=True)
        ):
            attention = AttentionLayer(self.arithmetic, config, kind, layer.attention)
            experts = ExpertsLayer(self.arithmetic, config, layer.experts)
            hidden = hidden + attention(hidden, samples, attention_lora(adapters, number))
            normed = experts.norm(hidden)
            routing = experts.route(normed)
            hidden = hidden + experts(normed, routing, experts_lora(adapters, number))
        norm = torch.from_numpy(weights.norm)
        normed = functional.rms_norm(hidden, hidden.shape[1:], norm, config.rms_norm_eps)
        return head_loss(self.arithmetic, normed, weights.head, text.targets, text.weights)


def attention_lora(adapters: dict[str, Tensor], layer: int) -> AttentionLora:
    parts = [
        Lora(adapters[f"{layer}.{name}.a"], adapters[f"{layer}.{name}.b"], SCALE)
        for name in PROJECTIONS
    ]
    return AttentionLora(*parts, sinks=adapters[f"{layer}.sinks"])


def experts_lora(adapters: dict[str, Tensor], layer: int) -> ExpertsLora:
    return ExpertsLora(
        *(
            ExpertLora(adapters[f"{layer}.{name}.a"], adapters[f"{layer}.{name}.b"], SCALE)
            for name in ("gate_up", "down")
        )
    )


class DequantisedModel:
    """transformers' eager model, each sample on its own.

    Cosines and sines are ours, and norms are of the wanted type: theirs are float32 in any model.
    """

    def __init__(self, model: RandomModel, dtype: torch.dtype) -> None:
        self._model = Oracle(model).model.to(dtype)
        self._config = model.config
        self._dtype = dtype
        rotary = RotaryTables(model.config.rope, model.config.head_dim)

        def rotations(x: Tensor, position_ids: Tensor) -> tuple[Tensor, Tensor]:
            samples = Samples.of([position_ids.shape[1]], rotary)
            return samples.cos[None].to(x.dtype), samples.sin[None].to(x.dtype)

        self._model.model.rotary_emb.forward = rotations
        for name, module in self._model.named_modules():
            if name.endswith("norm"):
                module.forward = partial(_norm, module, model.config.rms_norm_eps)

    def loss(self, text: Text, adapters: dict[str, Tensor]) -> Tensor:
        parameters = self._adapted(
            {name: value.to(self._dtype) for name, value in adapters.items()}
        )
        total = torch.zeros((), dtype=self._dtype)
        ends = np.cumsum((0, *text.lengths))
        for begin, end in itertools.pairwise(ends):
            ids = text.ids[None, begin:end]
            output = torch.func.functional_call(self._model, parameters, (ids,))
            losses = functional.cross_entropy(
                output.logits[0], text.targets[begin:end], reduction="none"
            )
            total = total + (losses * text.weights[begin:end]).sum()
        return total

    def _adapted(self, adapters: dict[str, Tensor]) -> dict[str, Tensor]:
        parameters = {name: value.detach() for name, value in self._model.named_parameters()}
        experts = self._config.num_experts
        for layer in range(self._config.num_layers):
            prefix = f"model.layers.{layer}"
            for name, theirs in zip(PROJECTIONS, "qkvo", strict=True):
                a, b = adapters[f"{layer}.{name}.a"], adapters[f"{layer}.{name}.b"]
                key = f"{prefix}.self_attn.{theirs}_proj.weight"
                parameters[key] = parameters[key] + SCALE * b @ a
            for name in ("gate_up", "down"):
                a, b = adapters[f"{layer}.{name}.a"], adapters[f"{layer}.{name}.b"]
                rank = len(a) // experts
                # As PEFT has it: rows of a by expert, columns of b by rank.
                split_a = a.reshape(experts, rank, -1)
                split_b = b.reshape(len(b), rank, experts)
                delta = SCALE * torch.einsum("ork,kri->kio", split_b, split_a)
                key = f"{prefix}.mlp.experts.{name}_proj"
                parameters[key] = parameters[key] + delta
            parameters[f"{prefix}.self_attn.sinks"] = adapters[f"{layer}.sinks"]
        return parameters


def _norm(module: torch.nn.Module, eps: float, x: Tensor) -> Tensor:
    return functional.rms_norm(x, x.shape[-1:], module.weight, eps)


def written(model: RandomModel, directory: Path, layout: str = "packed") -> Path:
    return model.write(directory, LAYOUTS[layout])
