"""Pages of lists that are in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from gptoss.errors import shown
from gptoss.server.wire_errors import ApiError


class _Listed(Protocol):
    @property
    def id(self) -> str:
        """By which it is named in `after`."""
        ...


_Kind = TypeVar("_Kind", bound=_Listed)


def page_of(
    found: Sequence[_Kind], *, limit: int, order: str, after: str | None, what: str
) -> tuple[list[_Kind], bool]:
    """So many of some things, given oldest first, and whether there are more.

    Raises ApiError 400 for `after` that is none of them.
    """
    listed = list(found) if order == "asc" else list(reversed(found))
    if after is not None:
        place = next((n for n, each in enumerate(listed, 1) if each.id == after), None)
        if place is None:
            told = f"got after {shown(after, 200)}, wanted the id of {what}"
            raise ApiError(400, told, param="after")
        listed = listed[place:]
    return listed[:limit], len(listed) > limit
