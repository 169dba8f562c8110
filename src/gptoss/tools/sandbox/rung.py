"""The ways to build a sandbox."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RungName(StrEnum):
    """Ways to build a sandbox, the stronger one first."""

    BUBBLEWRAP = "bubblewrap"
    LANDLOCK = "landlock"


@dataclass(frozen=True, slots=True)
class Rung:
    """A way to build one on this machine; `program` is what the rung needs, if anything."""

    name: RungName
    program: str | None = None
