"""Bounds on what reading one small file may take."""

from __future__ import annotations

import contextlib
import re
import time
from pathlib import Path

from gptoss.errors import GptossError
from tests.fuzz.target import Target

# Of the processor; an input of 64 kB takes milliseconds.
MOST_S = 2.0
# Beyond the most that inputs before have taken.
MOST_BYTES = 64 << 20
_PEAK = re.compile(r"^VmHWM:\s*(\d+) kB$", re.MULTILINE)


class TooMuchError(Exception):
    """Reading took more time or memory than any file of this size may."""


def read_within_limits(target: Target, data: bytes, folder: Path) -> None:
    """Read an input: a value or a GptossError of one printable line is right, anything else is a finding."""
    began, had = time.process_time(), _peak()
    with contextlib.suppress(_Refused):
        _read(target, data, folder)
    took, grew = time.process_time() - began, _peak() - had
    if took > MOST_S or grew > MOST_BYTES:
        raise TooMuchError(f"{len(data):,} bytes took {took:.1f} s and {grew:,} bytes of memory")


class _Refused(Exception):
    """The reader said no, as it should."""


def _read(target: Target, data: bytes, folder: Path) -> None:
    try:
        target.read(data, folder)
    except GptossError as error:
        said = str(error)
        if not said.isprintable():
            raise AssertionError(f"a message is no printable line: {said!r}") from error
        raise _Refused from None


def _peak() -> int:
    """The most memory that this process had; `getrusage` tells that of the one that started it, if it was more."""
    found = _PEAK.search(Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) << 10
