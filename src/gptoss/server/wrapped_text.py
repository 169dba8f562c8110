"""The text inside `{"input": "..."}`, piece by piece, as a custom tool's client wants it."""

from __future__ import annotations

import json
import re

# What stands before the text, and where in it there may be white space.
_OPENING, _GAPS = '{"input":"', (0, 1, 8, 9)
# As much of a JSON string as means something alone: the first half of an escaped pair waits for the second.
_WHOLE = re.compile(
    r'(?:[^"\\]+|\\["\\/bfnrt]|\\u(?![dD][89abAB])[0-9a-fA-F]{4}'
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\?\Z|\\u[0-9a-fA-F]{0,3}\Z))*"
)
# The longest part of a pair: what is longer and still means nothing never will.
_LONGEST_HALF = len(r"\ud83d\ude0")


class WrappedText:
    """Reads one call's arguments, each character once."""

    def __init__(self) -> None:
        self._rest = ""
        self._num_opened = 0
        self._is_over = False

    def feed(self, piece: str) -> str:
        """More of the arguments, and as much of the text as is sure."""
        piece = self._opened(piece)
        if self._is_over or not piece:
            return ""
        rest = self._rest + piece
        whole = _WHOLE.match(rest)
        assert whole is not None
        self._rest = rest[whole.end() :]
        # It ends at a quote, or before an escape that means nothing, whatever follows.
        self._is_over = self._rest.startswith('"') or len(self._rest) > _LONGEST_HALF
        text = json.loads(f'"{whole[0]}"', strict=False)
        # Half a pair is no character.
        return str(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))

    def _opened(self, piece: str) -> str:
        """What of a piece stands after the opening."""
        for at, character in enumerate(piece):
            if self._is_over or self._num_opened == len(_OPENING):
                return piece[at:]
            if character == _OPENING[self._num_opened]:
                self._num_opened += 1
            elif self._num_opened not in _GAPS or not character.isspace():
                self._is_over = True
        return ""


def unwrapped(arguments: str) -> str:
    """The text of a whole call, or what there is of it."""
    return WrappedText().feed(arguments)
