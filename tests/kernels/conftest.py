"""The two sides of every comparison."""

from __future__ import annotations

import numpy as np
import pytest

from gptoss import kernels
from gptoss.kernels import reference


@pytest.fixture(params=kernels.isas())
def backend(request: pytest.FixtureRequest) -> kernels.Backend:
    return kernels.Backend(isa=request.param, threads=2)


@pytest.fixture
def twin() -> reference.Backend:
    return reference.Backend()


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(20260807)
