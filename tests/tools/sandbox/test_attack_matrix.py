"""Every attack on every rung, as this user and, from root, as nobody; and without a sandbox, where each works."""

from __future__ import annotations

import os

import pytest

from gptoss.tools.sandbox import RungName
from tests.tools.sandbox.attacks import EXHAUSTIONS, NOT_BARE, REFUSALS
from tests.tools.sandbox.conftest import Matrix, skip_or_fail

USERS = ("this", "nobody") if os.geteuid() == 0 else ("this",)
places = pytest.mark.parametrize(
    ("rung_name", "user"), [(rung, user) for rung in RungName for user in USERS]
)


def row(matrix: Matrix, rung_name: RungName, user: str, name: str) -> dict[str, object]:
    found = matrix(rung_name, user)
    if "lacks" in found:
        pytest.skip(found["lacks"])
    if "problem" in found:
        skip_or_fail(f"no {rung_name} as {user}: {found['problem']}")
    result: dict[str, object] = found[name]
    return result


@places
@pytest.mark.parametrize("name", REFUSALS)
def test_it_is_closed(matrix: Matrix, rung_name: RungName, user: str, name: str) -> None:
    found = row(matrix, rung_name, user, name)
    assert "OPEN" not in str(found["text"])
    # It ran to its end, and was refused all that it tried.
    assert "tried" in str(found["text"])
    assert found["reason"] == "finished"
    assert found["harm"] == []


@places
@pytest.mark.parametrize("name", EXHAUSTIONS)
def test_nothing_is_exhausted(matrix: Matrix, rung_name: RungName, user: str, name: str) -> None:
    _, reasons = EXHAUSTIONS[name]
    found = row(matrix, rung_name, user, name)
    assert found["reason"] in reasons
    assert "OPEN" not in str(found["text"])
    assert found["harm"] == []
    # The model is told of an end of the process, and the next cell runs.
    assert ("all variables with it" in str(found["text"])) is found["lost"]
    assert found["after"] == "alive\n"
    assert isinstance(found["data_bytes"], int)
    assert found["data_bytes"] <= 24 << 20
    assert isinstance(found["seconds"], float)
    assert found["seconds"] < 60


@pytest.mark.parametrize("name", [name for name in REFUSALS if name not in NOT_BARE])
def test_it_works_without_a_sandbox(matrix: Matrix, name: str) -> None:
    """Otherwise it would prove nothing above."""
    found = matrix("bare", "this")[name]
    assert "OPEN" in found["text"] or found["harm"]


@places
def test_what_a_rung_does_not_hide(matrix: Matrix, rung_name: RungName, user: str) -> None:
    """Landlock has no say on what only looks at names: that a file is there, and how large it is."""
    found = row(matrix, rung_name, user, "metadata")
    is_seen = "SEEN" in str(found["text"])
    assert is_seen is (rung_name is RungName.LANDLOCK)
