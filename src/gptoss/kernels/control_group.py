"""Limits of the control groups that this process is in: memory, and processor time.

A container or a service unit sets them, in its own group or in one above, and each of them holds. Both versions of
control groups are read where the kernel says that they are mounted. Source: the kernel's admin-guide, cgroup-v1 and
cgroup-v2.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_ROOT = Path("/")
# Version 1 says "no limit" with the largest multiple of a page.
_NO_LIMIT = 1 << 62


def memory_left(root: Path = _ROOT) -> int | None:
    """Bytes that the tightest limit leaves; None without a limit.

    Cached files do not count as taken: they go when memory is wanted. `root` has `proc` and the mounts.
    """
    left = [
        *_each_left(_groups(root, None), "memory.max", "memory.current", ""),
        *_each_left(
            _groups(root, "memory"), "memory.limit_in_bytes", "memory.usage_in_bytes", "total_"
        ),
    ]
    return min(left, default=None)


def cores(root: Path = _ROOT) -> int | None:
    """Cores that the tightest quota of processor time keeps busy, a part of one counted whole; None without one."""
    quotas = [*_quotas_of_two(root), *_quotas_of_one(root)]
    return min((max(1, math.ceil(quota)) for quota in quotas), default=None)


def _each_left(groups: Iterator[Path], limit: str, taken: str, prefix: str) -> Iterator[int]:
    for group in groups:
        allowed, current = _number(group / limit), _number(group / taken)
        if allowed is None or allowed >= _NO_LIMIT or current is None:
            continue
        statistics = dict(_pairs(group / "memory.stat"))
        files = sum(statistics.get(f"{prefix}{kind}_file", 0) for kind in ("active", "inactive"))
        yield max(0, allowed - current + files)


def _quotas_of_two(root: Path) -> Iterator[float]:
    for group in _groups(root, None):
        quota, _, period = _text(group / "cpu.max").strip().partition(" ")
        if quota.isdecimal() and period.isdecimal() and int(period):
            yield int(quota) / int(period)


def _quotas_of_one(root: Path) -> Iterator[float]:
    for group in _groups(root, "cpu"):
        quota, period = _number(group / "cpu.cfs_quota_us"), _number(group / "cpu.cfs_period_us")
        if quota is not None and period:
            yield quota / period


def _groups(root: Path, controller: str | None) -> Iterator[Path]:
    """Folders of this process's group and of those above it, as far as they are to be seen.

    Without a controller those of version 2, which has one tree for all.
    """
    place = _mount(root, controller)
    if place is None:
        return
    mounted, shown = place
    path = _own_path(root, controller)
    # What is mounted may be a part of the tree only, which begins with the container's own group.
    relative = path.relative_to(shown) if path.is_relative_to(shown) else PurePosixPath()
    for group in (relative, *relative.parents):
        folder = mounted / group
        if ".." not in group.parts and folder.is_dir():
            yield folder


def _mount(root: Path, controller: str | None) -> tuple[Path, PurePosixPath] | None:
    """Where the tree is mounted, and which of its folders is shown there."""
    for line in _text(root / "proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        fields, kinds = before.split(" "), after.split(" ")
        if len(fields) < 5 or len(kinds) < 3:
            continue
        if kinds[0] == ("cgroup2" if controller is None else "cgroup") and (
            controller is None or controller in kinds[2].split(",")
        ):
            return root / fields[4].lstrip("/"), PurePosixPath(fields[3])
    return None


def _own_path(root: Path, controller: str | None) -> PurePosixPath:
    for line in _text(root / "proc/self/cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if (
            (number == "0" and not controllers)
            if controller is None
            else controller in controllers.split(",")
        ):
            return PurePosixPath(path)
    return PurePosixPath("/")


def _number(path: Path) -> int | None:
    """The number in a file; None where there is none, as in `max` and -1, which say that there is no limit."""
    text = _text(path).strip()
    return int(text) if text.isdecimal() else None


def _pairs(path: Path) -> Iterator[tuple[str, int]]:
    for line in _text(path).splitlines():
        name, _, value = line.partition(" ")
        if value.isdecimal():
            yield name, int(value)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except (OSError, ValueError):
        return ""
