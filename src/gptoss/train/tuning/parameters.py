"""The parameters that fine-tuning learns: LoRA of chosen layers, as PyTorch has them and as adapters are written."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from gptoss.model.adapter.lora import ATTENTION, EXPERTS, Adapter, LayerAdapter, shape_of
from gptoss.model.adapter.lora import ExpertLora as StoredExpertLora
from gptoss.model.adapter.lora import Lora as StoredLora
from gptoss.model.config import Config
from gptoss.train.packed import AttentionLora, ExpertLora, ExpertsLora, Lora

_FIELDS = dict(zip(ATTENTION, ("query", "key", "value", "output"), strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraOptions:
    """Which matrices learn, and how large their changes may be.

    rank, alpha                 of attention's four
    expert_rank, expert_alpha   of experts' two
    attention                   layers whose attention learns
    experts                     layers whose experts learn; the router is frozen
    """

    rank: int = 16
    alpha: float = 32.0
    expert_rank: int = 8
    expert_alpha: float = 16.0
    attention: Collection[int] = ()
    experts: Collection[int] = ()

    @property
    def first(self) -> int:
        """The lowest layer that learns."""
        return min((*self.attention, *self.experts))


@dataclass(slots=True)
class LayerParameters:
    """One layer's."""

    attention: AttentionLora = field(default_factory=AttentionLora)
    experts: ExpertsLora = field(default_factory=ExpertsLora)


class AdapterParameters:
    """All of a model's. A begins at random, as PEFT draws it, and B at zero: the first step changes nothing."""

    def __init__(self, config: Config, options: LoraOptions, seed: int) -> None:
        self._config = config
        self.options = options
        generator = torch.Generator().manual_seed(seed)
        self.layers = [self._made(number, generator) for number in range(config.num_layers)]

    def named(self) -> Iterator[tuple[str, Tensor]]:
        """All tensors that learn, by names that stay."""
        for number, layer in enumerate(self.layers):
            for part in (layer.attention, layer.experts):
                for name in part.__dataclass_fields__:
                    lora = getattr(part, name)
                    if isinstance(lora, Lora | ExpertLora):
                        yield f"{number}.{name}.a", lora.a
                        yield f"{number}.{name}.b", lora.b

    @property
    def num_parameters(self) -> int:
        """Numbers that learn."""
        return sum(tensor.numel() for _, tensor in self.named())

    def adapter(self, base: str = "") -> Adapter:
        """A copy, as adapters are written."""
        return Adapter(tuple(self._stored(layer) for layer in self.layers), base)

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take values by their names, as `named` gives them."""
        with torch.no_grad():
            for name, tensor in self.named():
                tensor.copy_(state[name])

    def _made(self, number: int, generator: torch.Generator) -> LayerParameters:
        options, layer = self.options, LayerParameters()
        if number in options.attention:
            scale = options.alpha / options.rank
            query, key, value, output = (
                Lora(*self._matrices(name, options.rank, 1, generator), scale) for name in _FIELDS
            )
            layer.attention = AttentionLora(query, key, value, output)
        if number in options.experts:
            scale = options.expert_alpha / options.expert_rank
            count = self._config.num_experts
            gate_up, down = (
                ExpertLora(*self._matrices(name, options.expert_rank, count, generator), scale)
                for name in EXPERTS
            )
            layer.experts = ExpertsLora(gate_up, down)
        return layer

    def _matrices(
        self, name: str, rank: int, count: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        outputs, inputs = shape_of(self._config, name)
        # Kaiming's uniform with a = sqrt(5), of a matrix with so many inputs.
        bound = 1 / math.sqrt(inputs)
        a = torch.rand(count * rank, inputs, generator=generator).mul_(2 * bound).sub_(bound)
        b = torch.zeros(outputs, rank * count)
        return a.requires_grad_(), b.requires_grad_()

    def _stored(self, layer: LayerParameters) -> LayerAdapter:
        attention = {
            name: StoredLora(_copied(lora.a), _copied(lora.b), lora.scale)
            for name, field_name in _FIELDS.items()
            if (lora := getattr(layer.attention, field_name)) is not None
        }
        count = self._config.num_experts
        experts = {}
        for name, lora in zip(EXPERTS, (layer.experts.gate_up, layer.experts.down), strict=True):
            if lora is not None:
                a = lora.a.detach().view(count, -1, lora.a.shape[1])
                b = lora.b.detach().view(len(lora.b), -1, count).permute(2, 0, 1)
                experts[name] = StoredExpertLora(_copied(a), _copied(b), lora.scale)
        return LayerAdapter(attention, experts)


def _copied(tensor: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return tensor.detach().contiguous().clone().numpy()
