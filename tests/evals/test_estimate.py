"""A figure as text and JSON: never without its interval and n."""

from __future__ import annotations

import math

import pytest

from gptoss.evals.statistics import Estimate, Method, Unit, mean_score, paired_difference


def estimate(mean: float, low: float, high: float, **more: object) -> Estimate:
    given = {"n": 12032, "clusters": 12032, "method": Method.WILSON} | more
    return Estimate(mean=mean, low=low, high=high, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (estimate(0.748, 0.7394, 0.756), "74.8 % (73.9 to 75.6, n 12,032)"),
        (
            estimate(0.5, 0.4, 0.6, n=990, clusters=198),
            "50.0 % (40.0 to 60.0, n 990 in 198 clusters)",
        ),
        (
            estimate(0.0123, -0.004, 0.03, unit=Unit.DIFFERENCE),
            "+1.2 points (−0.4 to +3.0, n 12,032)",
        ),
        (
            estimate(-0.0002, -0.1, 0.1, unit=Unit.DIFFERENCE),
            "0.0 points (−10.0 to +10.0, n 12,032)",
        ),
        (estimate(1234.5, 2.345, math.inf, unit=Unit.NUMBER), "1,234 (2.35 to infinite, n 12,032)"),
    ],
)
def test_text_has_interval_and_n(made: Estimate, text: str) -> None:
    assert str(made) == text
    assert f"{made}" == text


def test_there_is_no_format_of_the_mean_alone() -> None:
    made = mean_score([1.0, 0.0], "ab")
    with pytest.raises(TypeError):
        f"{made:.3f}"
    with pytest.raises(TypeError):
        float(made)  # type: ignore[arg-type]


def test_json_says_how_it_came_about() -> None:
    assert mean_score([1.0] * 3 + [0.0], range(4)).to_dict() == {
        "mean": 0.75,
        "low": 0.300642,
        "high": 0.954413,
        "n": 4,
        "clusters": 4,
        "method": "Wilson",
        "unit": "share",
    }


def test_a_difference_says_p_and_verdict() -> None:
    found = paired_difference([0.0] * 20 + [1.0] * 20, [1.0] * 40, range(40))
    assert str(found) == (
        "+50.0 points (+33.8 to +66.2, n 40), p < 0.0001 (McNemar, mid-p), excludes zero: B is better"
    )
    assert found.to_dict()["up"] == 20
