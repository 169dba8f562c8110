"""The error of stated confidence, by hand and by chance."""

from __future__ import annotations

import random

import pytest

from gptoss.evals.statistics import calibration_error


def test_the_error_by_hand() -> None:
    found = calibration_error([1.0, 1.0], [1, 0], ["a", "b"])
    assert (found.mean, found.n, found.clusters) == (pytest.approx(0.5), 2, 2)
    # Two bins of two: 0.2 stated and half right, 0.9 stated and all right; then one more in the last bin.
    stated, right = [0.9, 0.2, 0.9, 0.2], [1, 0, 1, 1]
    expected = (0.5 * 0.3**2 + 0.5 * 0.1**2) ** 0.5
    assert calibration_error(stated, right, "abcd", num_bin=2).mean == pytest.approx(expected)
    expected = (2 / 5 * 0.3**2 + 3 / 5 * 0.1**2) ** 0.5
    found = calibration_error([*stated, 0.9], [*right, 1], "abcde", num_bin=2)
    assert found.mean == pytest.approx(expected)


def test_who_is_as_right_as_they_say_has_a_small_error_and_who_boasts_a_large_one() -> None:
    chance = random.Random(3)
    stated = [chance.random() for _ in range(2000)]
    right = [float(chance.random() < each) for each in stated]
    clusters = list(range(2000))
    assert calibration_error(stated, right, clusters).high < 0.1
    boasted = calibration_error([0.9] * 2000, right, clusters)
    share = sum(right) / 2000
    assert boasted.low < 0.9 - share < boasted.high
    assert boasted.low > 0.3


def test_neither_the_order_of_items_nor_the_day_changes_it() -> None:
    chance = random.Random(4)
    items = [(chance.choice([0.5, 0.9]), float(chance.random() < 0.5), k // 3) for k in range(300)]
    found = calibration_error(*map(list, zip(*items, strict=True)))
    assert found == calibration_error(*map(list, zip(*items, strict=True)))
    items.reverse()
    assert calibration_error(*map(list, zip(*items, strict=True))).mean == found.mean
    assert found.low <= found.mean <= found.high
    assert found.clusters == 100
