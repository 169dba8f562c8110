"""Landlock's rulesets for each version of the interface that kernels have."""

from __future__ import annotations

from pathlib import Path

import pytest

from gptoss.tools.sandbox import Rung, RungName, Session, ladder, landlock
from gptoss.tools.sandbox.landlock import (
    IOCTL_DEV,
    MAKE_FIFO,
    MAKE_SOCK,
    MAKE_SYM,
    OF_FILES,
    READ,
    REFER,
    TRUNCATE,
    handled,
    ruleset,
)
from tests.tools.sandbox.attacks import REFUSALS
from tests.tools.sandbox.conftest import SMALL, skip_or_fail
from tests.tools.sandbox.matrix import Given

# As the kernel's documentation has them: (files, network, scoped), by version.
BY_VERSION = {
    1: (0x1FFF, 0, 0),
    2: (0x3FFF, 0, 0),
    3: (0x7FFF, 0, 0),
    4: (0x7FFF, 3, 0),
    5: (0xFFFF, 3, 0),
    6: (0xFFFF, 3, 3),
    7: (0xFFFF, 3, 3),
}


@pytest.mark.parametrize("abi", BY_VERSION)
def test_what_is_handled(abi: int) -> None:
    assert handled(abi) == BY_VERSION[abi]


@pytest.mark.parametrize("abi", BY_VERSION)
def test_rules(abi: int, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    made = ruleset(abi, [str(tmp_path), str(file)], [str(tmp_path), str(file)])
    assert len(made["handled"]) == (1 if abi < 4 else 2 if abi < 6 else 3)
    assert made["flags"] == (1 if abi >= 7 else 0)
    readable, readable_file, writable, writable_file = [rights for _, rights in made["rules"]]
    assert readable == READ
    files, _, _ = handled(abi)
    for rights in (readable, readable_file, writable, writable_file):
        # The kernel takes no rule with a right that the ruleset does not handle.
        assert rights & ~files == 0
    # Nor one on a file with a right that only folders have.
    assert (readable_file | writable_file) & ~OF_FILES == 0
    for never in (MAKE_SYM, MAKE_FIFO, MAKE_SOCK, IOCTL_DEV):
        assert not writable & never
    assert bool(writable & REFER) == (abi >= 2)
    assert bool(writable & TRUNCATE) == (abi >= 3)


def test_this_kernel() -> None:
    assert 0 <= landlock.version() < 100


@pytest.mark.wide(6)
@pytest.mark.parametrize("abi", [1, 2, 3, 4, 5, 6])
def test_older_kernels(abi: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Landlock has no say on there, the filter closes: every attack, with the rules of each version."""
    if landlock.version() < abi:
        skip_or_fail(f"this kernel has version {landlock.version()} of Landlock")
    monkeypatch.setattr(landlock, "version", lambda: abi)
    rung = Rung(RungName.LANDLOCK)
    assert ladder._problem(rung) == ""
    given = Given()
    monkeypatch.setenv("GPTOSS_TEST_KEY", given.key)
    try:
        with Session(rung, SMALL) as session:
            for name, code in REFUSALS.items():
                output = session.run(given.program(code))
                assert "tried" in output.text(), name
                assert "OPEN" not in output.text(), (name, output.text())
                assert given.harm() == [], name
    finally:
        given.close()
