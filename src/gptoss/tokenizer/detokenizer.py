"""Decoding a stream of token ids into text that never holds half a character."""

from __future__ import annotations

import codecs
from collections.abc import Mapping

# What an id without bytes decodes to.
REPLACEMENT = "\N{REPLACEMENT CHARACTER}".encode()


class Detokenizer:
    """Incremental UTF-8 over tokens: bytes of an unfinished character wait for the rest."""

    def __init__(self, bytes_of: Mapping[int, bytes]) -> None:
        self._bytes_of = bytes_of
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, token_id: int) -> str:
        """Characters that this token completes, perhaps none; an id without bytes gives U+FFFD."""
        return self._decoder.decode(self._bytes_of.get(token_id, REPLACEMENT))

    def finish(self) -> str:
        """What is still held back: U+FFFD for an unfinished character, else nothing. Ready for a new stream."""
        text = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        return text
