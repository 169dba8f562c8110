"""The rungs of this machine, for tests of programs."""

from __future__ import annotations

import os

import pytest

from gptoss.tools.sandbox import Rung, RungName, look_at


def usable(name: RungName) -> Rung:
    """A rung that this machine has; skips where it has not, or fails where sandboxes are required."""
    look = look_at(name)
    if look.problem:
        reason = f"no {name} here: {look.problem}"
        if os.environ.get("GPTOSS_TEST_SANDBOX") == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    return look.rung
