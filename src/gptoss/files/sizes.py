"""Sizes as people read them: in the unit that fits, to one decimal."""

from __future__ import annotations

_DISK, _MEMORY = ("kB", "MB", "GB", "TB"), ("KiB", "MiB", "GiB", "TiB")


def disk_size(num_bytes: int) -> str:
    """`13.8 GB`: in powers of 1000, in which disks are sold and downloads are counted."""
    return _sized(num_bytes, 1000, _DISK)


def memory_size(num_bytes: int) -> str:
    """`12.3 GiB`: in powers of 1024, in which memory is built and sizes like `--memory 16G` are read."""
    return _sized(num_bytes, 1024, _MEMORY)


def _sized(num_bytes: int, step: int, units: tuple[str, ...]) -> str:
    if num_bytes < step:
        return f"{num_bytes} byte{'s' * (num_bytes != 1)}"
    # What would be shown as 1000.0 of a unit is 1.0 of the next.
    power = next(
        (n for n in range(1, len(units)) if round(num_bytes / step**n, 1) < step), len(units)
    )
    return f"{num_bytes / step**power:.1f} {units[power - 1]}"
