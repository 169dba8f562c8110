"""The answer to a cell as its process writes it, read piece by piece.

The code can write to that pipe as well. So nothing of it is parsed but a head of bounded size, behind the number of the
call, and what follows are the bytes that the head has counted: it takes no longer, and no more room, whatever they are.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Any

from gptoss.tools.sandbox.limits import Limits

_MOST_HEAD = 64 << 10
_SIZE_BYTES = 4
# Text at its longest: a character that is none, written out.
_CHARACTER_BYTES = 6
# Beyond what is kept of a value, for what says that it was cut.
CUT_CHARACTERS = 16


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came: `head` is JSON's and unchecked, `parts` are the value's text and then pictures."""

    head: dict[str, Any]
    parts: list[bytes]


class ReplyReader:
    """Reads one answer.

    nonce  the number of the call: what does not begin with it is no answer to it
    """

    def __init__(self, nonce: str, limits: Limits) -> None:
        self._nonce = nonce.encode()
        most_value = _CHARACTER_BYTES * (limits.output_bytes + CUT_CHARACTERS)
        self._most_sizes = [most_value, *[limits.image_bytes] * limits.num_images]
        self._data = bytearray()
        self._head: dict[str, Any] | None = None
        self._sizes: list[int] = []

    def feed(self, data: bytes) -> Reply | None:
        """The next bytes; the answer once all of it is there. Raises ValueError for what is none."""
        self._data += data
        if self._head is None:
            self._read_head()
        if self._head is None or len(self._data) < sum(self._sizes):
            return None
        parts, start = [], 0
        for size in self._sizes:
            parts.append(bytes(self._data[start : start + size]))
            start += size
        return Reply(self._head, parts)

    def _read_head(self) -> None:
        given = bytes(self._data[: len(self._nonce)])
        if not secrets.compare_digest(given, self._nonce[: len(given)]):
            raise ValueError("another call's")
        start = len(self._nonce) + _SIZE_BYTES
        if len(self._data) < start:
            return
        size = int.from_bytes(self._data[len(self._nonce) : start], "big")
        if size > _MOST_HEAD:
            raise ValueError("too long")
        if len(self._data) < start + size:
            return
        head = _object(bytes(self._data[start : start + size]))
        self._sizes = self._checked(head.get("sizes"))
        self._head = head
        del self._data[: start + size]

    def _checked(self, sizes: object) -> list[int]:
        if not isinstance(sizes, list) or not 0 < len(sizes) <= len(self._most_sizes):
            raise ValueError("no sizes")
        for size, most in zip(sizes, self._most_sizes, strict=False):
            if type(size) is not int or not 0 <= size <= most:
                raise ValueError("no size")
        return sizes


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except RecursionError:
        raise ValueError("too deep") from None
    if not isinstance(found, dict):
        raise ValueError("no object")
    return found
