"""Loss and gradients over packed weights against transformers' eager model, dequantised, in float64."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.model.random_model import RandomModel, random_config
from tests.train.adapted_model import (
    DequantisedModel,
    PackedModel,
    Text,
    random_adapters,
    written,
)

pytestmark = pytest.mark.torch

LENGTHS = ((70,), (3, 40, 1, 29), (150, 20))


def gradients(loss: Tensor, adapters: dict[str, Tensor]) -> dict[str, Tensor]:
    return dict(zip(adapters, torch.autograd.grad(loss, list(adapters.values())), strict=True))


def errors(got: dict[str, Tensor], wanted: dict[str, Tensor]) -> dict[str, float]:
    """Of each matrix, the largest relative to its largest gradient; of all together, that of the norm."""
    found = {
        name: float((got[name] - exact).abs().max() / exact.abs().max())
        for name, exact in wanted.items()
    }
    squares = [
        sum(float(part.double().square().sum()) for part in parts)
        for parts in ([got[name] - exact for name, exact in wanted.items()], wanted.values())
    ]
    found["all"] = math.sqrt(squares[0] / squares[1])
    return found


@pytest.mark.wide(4)
@pytest.mark.parametrize("seed", range(10))
def test_loss_and_every_gradient(tmp_path: Path, seed: int) -> None:
    """To a relative 1e-5, or where rounding adds up to more, to twice what transformers is off by in float32."""
    model = RandomModel.of(random_config(seed), seed)
    adapters = random_adapters(model.config, rank=1 + seed % 4, seed=seed)
    text = Text.random(model.config, LENGTHS[seed % len(LENGTHS)], seed)
    exact_loss = DequantisedModel(model, torch.float64).loss(text, adapters)
    exact = gradients(exact_loss, adapters)
    assert all(value.abs().max() > 0 for value in exact.values())
    theirs = gradients(DequantisedModel(model, torch.float32).loss(text, adapters), adapters)
    allowed = {name: max(1e-5, 2 * error) for name, error in errors(theirs, exact).items()}
    assert max(allowed.values()) < 1e-4
    for layout in ("packed", "bf16"):
        ours = PackedModel(written(model, tmp_path / layout, layout))
        loss = ours.loss(text, adapters)
        torch.testing.assert_close(loss.double(), exact_loss, rtol=1e-6, atol=0)
        found = errors(gradients(loss, adapters), exact)
        assert {name: error for name, error in found.items() if error > allowed[name]} == {}
