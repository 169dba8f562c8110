"""Twice the input takes at most about twice the instructions, wherever bytes from outside are read.

Instructions are counted by callgrind: they are the same on a busy machine, and C code beneath Python is counted too.
"""

from __future__ import annotations

import pytest

from tests.growth.cases import all_cases

# Room for what sorts, and for tables that double; what is quadratic has 4.
MOST = 2.6


@pytest.mark.wide(12)
@pytest.mark.parametrize("name", all_cases())
def test_twice_the_input_takes_twice_the_steps(
    name: str, counts: dict[str, tuple[int, int]]
) -> None:
    small, large = counts[name]
    assert large <= MOST * small, f"{small:,} instructions, then {large:,}: {large / small:.2f} x"
