"""The two sides of every comparison."""

from __future__ import annotations

import numpy as np
import pytest

from gptoss import kernels
from gptoss.kernels import reference
from tests.choices import CHOICES, Choice


@pytest.fixture(params=CHOICES, ids=str)
def choice(request: pytest.FixtureRequest) -> Choice:
    chosen: Choice = request.param
    return chosen


@pytest.fixture
def backend(choice: Choice) -> kernels.Backend:
    return choice.backend(threads=2)


@pytest.fixture
def twin() -> reference.Backend:
    return reference.Backend()


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(20260807)
