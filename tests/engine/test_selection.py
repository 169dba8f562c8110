"""The largest logits, beside a full sort."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from gptoss.engine.selection import largest
from gptoss.kernels import Float32


def sorted_ids(logits: Float32, count: int) -> list[int]:
    """The plain twin."""
    order = sorted(range(len(logits)), key=lambda n: (-logits[n], n))
    return sorted(order[:count])


@given(
    arrays.arrays(
        np.float32,
        st.integers(1, 40),
        elements=st.sampled_from([-np.inf, -2.5, 0.0, 1.0, 2.0, 1e38]),
    ),
    st.integers(1, 45),
)
def test_a_short_row(logits: Float32, count: int) -> None:
    assert largest(logits, count).tolist() == sorted_ids(logits, count)


@pytest.mark.parametrize("count", [1, 2, 50, 300, 1500, 9000])
@pytest.mark.parametrize("decimals", [6, 1, 0])
def test_a_row_as_long_as_a_vocabulary(count: int, decimals: int) -> None:
    logits = np.random.default_rng(1).normal(0, 2, 9001).astype(np.float32).round(decimals)
    assert largest(logits, count).tolist() == sorted_ids(logits, count)


def test_a_row_that_a_constraint_has_emptied() -> None:
    logits = np.full(9001, -np.inf, np.float32)
    logits[[5, 8000, 9000]] = 1
    assert largest(logits, 2).tolist() == [5, 8000]
    assert largest(logits, 4).tolist() == [0, 5, 8000, 9000]
