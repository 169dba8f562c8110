"""How much of the suite runs: some cases of each wide test by default, all of them at the thorough level.

    @pytest.mark.wide(7)                     one case in seven by default, and each value of a product's parameters
    @settings(max_examples=examples(300))    a part of them by default
    range(rounds(6))                         a third of them by default
    cases[:: stride(5)]                      one in five of a list by default
    @pytest.mark.thorough                    not by default, where a shorter form of the same is

`make test` and `.ci/run` run the default level, `make test-all` the thorough one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, settings

BRIEF, THOROUGH = "brief", "thorough"
# A profile has 100 examples where a test names no number.
_PART = 8
_FEWEST = 20
_SHARE = 3


def register_profiles() -> None:
    """Name the levels for `--hypothesis-profile`, and begin with the default one."""
    # Nothing here is timed: a busy machine must not fail a test.
    untimed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile(THOROUGH, untimed, max_examples=100)
    settings.register_profile(BRIEF, untimed, max_examples=_few(100))
    settings.load_profile(BRIEF)


def examples(count: int) -> int:
    """How many of so many examples are tried at this level."""
    return count if settings.get_current_profile_name() == THOROUGH else _few(count)


def rounds(count: int) -> int:
    """How many of so many rounds of one test, each of which takes a while, are run at this level."""
    return count if settings.get_current_profile_name() == THOROUGH else -(-count // _SHARE)


def stride(count: int) -> int:
    """How far a long list is gone through at a time: all of it at the thorough level, else one in so many."""
    return 1 if settings.get_current_profile_name() == THOROUGH else count


def mark_wide(items: Sequence[pytest.Item]) -> None:
    """Mark as thorough what the default level leaves out of wide tests."""
    cases: dict[str, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("wide") is not None:
            cases.setdefault(item.nodeid.partition("[")[0], []).append(item)
    for of_one in cases.values():
        _mark_cases(of_one)


def _mark_cases(cases: list[pytest.Item]) -> None:
    """Leave one in so many, and those that bring a value which none before had, and others have too."""
    marker = cases[0].get_closest_marker("wide")
    assert marker is not None
    (every,) = marker.args
    uses = Counter(value for case in cases for value in _values(case))
    seen: set[tuple[str, int]] = set()
    for number, case in enumerate(cases):
        shared = {value for value in _values(case) if uses[value] > 1}
        if number % every and shared <= seen:
            case.add_marker(THOROUGH)
        else:
            seen |= shared


def _values(case: pytest.Item) -> list[tuple[str, int]]:
    """Its parameters, and which of their values it has: the cases of a test have the same objects."""
    callspec = getattr(case, "callspec", None)
    return [(name, id(value)) for name, value in callspec.params.items()] if callspec else []


def _few(count: int) -> int:
    return min(count, max(_FEWEST, count // _PART))
