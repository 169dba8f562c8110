"""Low-rank adapters of a gpt-oss model: what is added to the outputs of its matrices."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from gptoss.model.config import Config
from gptoss.model.weights import ModelWeights

Float32 = npt.NDArray[np.float32]

# Names of the released checkpoint.
ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
EXPERTS = ("gate_up_proj", "down_proj")


@dataclass(frozen=True, slots=True)
class Lora:
    """Adds `scale * b @ (a @ x)` to a matrix's output; a (rank, inputs), b (outputs, rank)."""

    a: Float32
    b: Float32
    scale: float

    @property
    def rank(self) -> int:
        """Of the change."""
        return int(self.a.shape[0])

    @property
    def num_parameters(self) -> int:
        """Numbers in both matrices."""
        return self.a.size + self.b.size


@dataclass(frozen=True, slots=True)
class ExpertLora:
    """As Lora, for each expert; a (experts, rank, inputs), b (experts, outputs, rank)."""

    a: Float32
    b: Float32
    scale: float

    @property
    def rank(self) -> int:
        """Of each expert's change."""
        return int(self.a.shape[1])

    @property
    def num_parameters(self) -> int:
        """Numbers in both, of all experts."""
        return self.a.size + self.b.size

    def of(self, expert: int) -> Lora:
        """One expert's, as views."""
        return Lora(self.a[expert], self.b[expert], self.scale)


@dataclass(frozen=True, slots=True)
class LayerAdapter:
    """One layer's changes, by the names of what they change: attention's four, and those of all experts.

    Outputs of `gate_up_proj` have gate and up interleaved, as the released checkpoint has them.
    """

    attention: Mapping[str, Lora] = field(default_factory=dict)
    experts: Mapping[str, ExpertLora] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether it changes nothing."""
        return not self.attention and not self.experts


@dataclass(frozen=True, slots=True)
class Adapter:
    """All changes, by layer.

    base  `base_digest` of the model that it was trained on; empty: unknown
    """

    layers: tuple[LayerAdapter, ...]
    base: str = ""

    @property
    def num_parameters(self) -> int:
        """Numbers in all matrices."""
        return sum(each.num_parameters for _, each in self.matrices())

    def matrices(self) -> Iterator[tuple[str, Lora | ExpertLora]]:
        """All pairs of matrices with the name of what they change, such as `layers.3.self_attn.q_proj`."""
        for number, layer in enumerate(self.layers):
            for name in ATTENTION:
                if (lora := layer.attention.get(name)) is not None:
                    yield f"layers.{number}.self_attn.{name}", lora
            for name in EXPERTS:
                if (of_experts := layer.experts.get(name)) is not None:
                    yield f"layers.{number}.mlp.experts.{name}", of_experts

    def digest(self) -> str:
        """A hash of all that changes the model's outputs, in hexadecimal digits."""
        hashed = hashlib.sha256()
        for name, each in self.matrices():
            hashed.update(f"{name} {each.a.shape} {each.b.shape} {each.scale!r}\n".encode())
            hashed.update(np.ascontiguousarray(each.a).data)
            hashed.update(np.ascontiguousarray(each.b).data)
        return hashed.hexdigest()


def shape_of(config: Config, name: str) -> tuple[int, int]:
    """Outputs and inputs of a matrix that can be adapted; of one expert's."""
    hidden, inner = config.hidden_size, config.intermediate_size
    queries, keys = config.num_heads * config.head_dim, config.num_kv_heads * config.head_dim
    return {
        "q_proj": (queries, hidden),
        "k_proj": (keys, hidden),
        "v_proj": (keys, hidden),
        "o_proj": (hidden, queries),
        "gate_up_proj": (2 * inner, hidden),
        "down_proj": (hidden, inner),
    }[name]


def base_digest(weights: ModelWeights) -> str:
    """A hash that tells one base from another whatever file it lies in: of all norms, in float32.

    Every file of a model has them as they were trained, and every training changes them; 0.6 MB for the 20B.
    """
    hashed = hashlib.sha256()
    for layer in weights.layers:
        hashed.update(np.ascontiguousarray(layer.attention.norm, np.float32).data)
        hashed.update(np.ascontiguousarray(layer.experts.norm, np.float32).data)
    hashed.update(np.ascontiguousarray(weights.norm, np.float32).data)
    return hashed.hexdigest()[:32]
