"""Decoding a stream of token ids into text that never holds half a character."""

from __future__ import annotations

import codecs
from collections.abc import Mapping, MutableMapping

# What an id without bytes decodes to.
REPLACEMENT = "\N{REPLACEMENT CHARACTER}".encode()


class Detokenizer:
    """Incremental UTF-8 over tokens: bytes of an unfinished character wait for the rest."""

    def __init__(
        self, bytes_of: Mapping[int, bytes], text_of: MutableMapping[int, str] | None = None
    ) -> None:
        """`text_of` remembers the tokens that are whole characters; decoders of one vocabulary may share it."""
        self._bytes_of = bytes_of
        self._text_of = {} if text_of is None else text_of
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._is_waiting = False

    def feed(self, token_id: int) -> str:
        """Characters that this token completes, perhaps none; an id without bytes gives U+FFFD."""
        if not self._is_waiting:
            known = self._text_of.get(token_id)
            if known is not None:
                return known
        was_waiting = self._is_waiting
        text = self._decoder.decode(self._bytes_of.get(token_id, REPLACEMENT))
        self._is_waiting = bool(self._decoder.getstate()[0])
        if not was_waiting and not self._is_waiting and token_id in self._bytes_of:
            self._text_of[token_id] = text
        return text

    def finish(self) -> str:
        """What is still held back: U+FFFD for an unfinished character, else nothing. Ready for a new stream."""
        text = self._decoder.decode(b"", final=True) if self._is_waiting else ""
        self._decoder.reset()
        self._is_waiting = False
        return text
