"""The forward pass against transformers' GptOss on random small models, in each layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gptoss.kernels import Backend, Float32
from gptoss.model.transformer import Transformer
from tests.model.oracle import Oracle
from tests.model.random_model import (
    LAYOUTS,
    RandomModel,
    open_transformer,
    random_config,
    random_ids,
)

pytestmark = pytest.mark.torch

SEEDS = range(10)
# Windows of these configurations are 1 to 128, so that most lengths cross them.
LENGTHS = (1, 33, 130, 200, 257, 400)


def load(model: RandomModel, directory: Path, layout: str, precision: str) -> Transformer:
    return open_transformer(model.write(directory, LAYOUTS[layout]), precision, Backend())


def length_of(seed: int) -> int:
    return LENGTHS[seed % len(LENGTHS)]


@pytest.mark.parametrize("seed", SEEDS)
def test_float32_in_every_layout(seed: int, tmp_path: Path) -> None:
    model = RandomModel.of(random_config(seed), seed)
    ids = random_ids(model.config, length_of(seed), seed)
    expected = Oracle(model).logits(ids)
    assert np.abs(expected).max() > 1
    for layout in LAYOUTS:
        ours = load(model, tmp_path / layout, layout, "float32").logits(ids)
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-3, err_msg=layout)


@pytest.mark.parametrize("seed", SEEDS)
def test_bf16_errs_no_more_than_transformers_in_bf16(seed: int, tmp_path: Path) -> None:
    import torch

    model = RandomModel.of(random_config(seed), seed)
    ids = random_ids(model.config, length_of(seed), seed)
    oracle = Oracle(model)
    exact = oracle.logits(ids)
    ours = load(model, tmp_path, "packed", "bf16").logits(ids)
    theirs = oracle.logits(ids, torch.bfloat16)
    assert error(ours, exact) <= error(theirs, exact)


def error(logits: Float32, exact: Float32) -> float:
    """Root mean square over all logits."""
    return float(np.sqrt(np.mean((logits - exact) ** 2)))
