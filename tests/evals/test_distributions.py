"""Special functions against SciPy's values (tests/golden/statistics)."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from gptoss.evals.statistics.distributions import (
    binomial_of,
    binomial_up_to,
    incomplete_beta,
    t_above,
    t_quantile,
)

GOLDEN = json.loads(
    (Path(__file__).parents[1] / "golden/statistics/distributions.json").read_text(encoding="utf-8")
)
# lgamma of n has an error of about n * log(n) units in the last place, which the exponential makes relative.
NEAR = 1e-9


@pytest.mark.parametrize(("value", "freedom", "expected"), GOLDEN["t_above"])
def test_tail_of_t(value: float, freedom: float, expected: float) -> None:
    assert t_above(value, freedom) == pytest.approx(expected, rel=NEAR)


@pytest.mark.parametrize(("probability", "freedom", "expected"), GOLDEN["t_quantiles"])
def test_quantiles_of_t(probability: float, freedom: float, expected: float) -> None:
    assert t_quantile(probability, freedom) == pytest.approx(expected, rel=NEAR)


@pytest.mark.parametrize(("a", "b", "x", "expected"), GOLDEN["incomplete_beta"])
def test_incomplete_beta(a: float, b: float, x: float, expected: float) -> None:
    # One that is near 1 is one less a small one: its error is that of 1.
    assert incomplete_beta(a, b, x) == pytest.approx(expected, rel=NEAR, abs=1e-300)


@pytest.mark.parametrize(("count", "tries", "probability", "up_to", "exactly"), GOLDEN["binomial"])
def test_binomial(count: int, tries: int, probability: float, up_to: float, exactly: float) -> None:
    assert binomial_up_to(count, tries, probability) == pytest.approx(up_to, rel=NEAR)
    assert binomial_of(count, tries, probability) == pytest.approx(exactly, rel=NEAR)


def test_ends() -> None:
    assert incomplete_beta(2, 3, 0.0) == 0.0
    assert incomplete_beta(2, 3, 1.0) == 1.0
    assert binomial_up_to(-1, 5, 0.5) == 0.0
    assert binomial_up_to(5, 5, 0.5) == 1.0
    assert t_quantile(0.5, 3) == pytest.approx(0.0, abs=1e-12)
    assert math.isclose(t_above(0.0, 7), 0.5)
