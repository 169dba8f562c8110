"""Sizes as people read them: the unit fits, and no size that is not nothing is shown as nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gptoss.files.sizes import disk_size, memory_size

FACTORS = {"bytes": 0, "byte": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4}


@pytest.mark.parametrize(
    ("num_bytes", "disk", "memory"),
    [
        (0, "0 bytes", "0 bytes"),
        (1, "1 byte", "1 byte"),
        (999, "999 bytes", "999 bytes"),
        (1000, "1.0 kB", "1000 bytes"),
        (1024, "1.0 kB", "1.0 KiB"),
        (2_118_432, "2.1 MB", "2.0 MiB"),
        (999_949_999, "999.9 MB", "953.6 MiB"),
        (999_950_001, "1.0 GB", "953.6 MiB"),
        ((1 << 30) - 1, "1.1 GB", "1.0 GiB"),
        (13_761_264_768, "13.8 GB", "12.8 GiB"),
        (1 << 50, "1125.9 TB", "1024.0 TiB"),
    ],
)
def test_unit_that_fits(num_bytes: int, disk: str, memory: str) -> None:
    assert (disk_size(num_bytes), memory_size(num_bytes)) == (disk, memory)


@given(st.integers(0, 10**15))
def test_says_nearly_what_it_is(num_bytes: int) -> None:
    for shown, step in ((disk_size(num_bytes), 1000), (memory_size(num_bytes), 1024)):
        number, unit = shown.split()
        scale = step ** FACTORS.get(unit, FACTORS.get(unit[0], 0))
        assert abs(float(number) * scale - num_bytes) <= 0.0501 * scale
        assert float(number) >= 1 or num_bytes == 0
