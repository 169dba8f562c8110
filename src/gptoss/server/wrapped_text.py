"""The text inside `{"input": "..."}`, piece by piece, as a custom tool's client wants it."""

from __future__ import annotations

import json
import re

_OPENING = re.compile(r'\s*\{\s*"input"\s*:\s*"')
# As much of a JSON string as means something alone: the first half of an escaped pair waits for the second.
_WHOLE = re.compile(
    r'(?:[^"\\]|\\["\\/bfnrt]|\\u(?![dD][89abAB])[0-9a-fA-F]{4}'
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\?\Z|\\u[0-9a-fA-F]{0,3}\Z))*"
)


class WrappedText:
    """Reads one call's arguments."""

    def __init__(self) -> None:
        self._rest = ""
        self._is_open = False
        self._is_over = False

    def feed(self, piece: str) -> str:
        """More of the arguments, and as much of the text as is sure."""
        if self._is_over:
            return ""
        self._rest += piece
        if not self._is_open:
            opening = _OPENING.match(self._rest)
            if opening is None:
                return ""
            self._is_open = True
            self._rest = self._rest[opening.end() :]
        whole = _WHOLE.match(self._rest)
        assert whole is not None
        self._rest = self._rest[whole.end() :]
        self._is_over = self._rest.startswith('"')
        text = json.loads(f'"{whole[0]}"', strict=False)
        # Half a pair is no character.
        return str(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def unwrapped(arguments: str) -> str:
    """The text of a whole call, or what there is of it."""
    return WrappedText().feed(arguments)
