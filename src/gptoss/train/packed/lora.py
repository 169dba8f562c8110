"""LoRA as PEFT lays it out: what is added to a frozen product."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Lora:
    """scale * B A beside a matrix (out, in): a (rank, in), b (out, rank)."""

    a: Tensor
    b: Tensor
    scale: float

    def __call__(self, x: Tensor) -> Tensor:
        """x (tokens, in) to what is added, (tokens, out)."""
        return (x @ self.a.T) @ (self.scale * self.b).T


@dataclass(frozen=True)
class ExpertLora:
    """The same for one projection of all experts, in PEFT's layout for parameters of three dimensions.

    a (experts * rank, in): row e * rank + k is row k of expert e. b (out, rank * experts): column k * experts + e is
    column k of expert e.
    """

    a: Tensor
    b: Tensor
    scale: float


@dataclass(frozen=True)
class AttentionLora:
    """Of one layer's attention; None: not adapted. `sinks` (heads) take the place of the checkpoint's."""

    query: Lora | None = None
    key: Lora | None = None
    value: Lora | None = None
    output: Lora | None = None
    sinks: Tensor | None = None


@dataclass(frozen=True)
class ExpertsLora:
    """Of one layer's experts; None: not adapted."""

    gate_up: ExpertLora | None = None
    down: ExpertLora | None = None
