"""The grammar of a turn without tools or schemas, by hand: it needs no index of the vocabulary, and next to no time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gptoss.errors import SchemaError
from gptoss.harmony.names import Channel, Marker
from gptoss.kernels import Float32
from gptoss.tokenizer import Tokenizer

_Ids = tuple[int, ...]


class PlainTurn:
    """Analysis messages, if there are to be any, and a final one; headers as the tokenizer writes them, texts free.

    A constraint for one sequence (see `Constraint`). Raises SchemaError, as processor and guide, for ids that fit none.

    start    the position in the sequence where the turn begins
    reasons  whether there may be a chain of thought
    """

    def __init__(self, tokenizer: Tokenizer, start: int, *, reasons: bool = True) -> None:
        def ids(*parts: Marker | str) -> _Ids:
            found: list[int] = []
            for part in parts:
                is_marker = isinstance(part, Marker)
                found += [tokenizer.special_id(part)] if is_marker else tokenizer.encode(part)
            return tuple(found)

        self._header = {
            channel: ids(Marker.CHANNEL, channel.value, Marker.MESSAGE)
            for channel in (Channel.ANALYSIS, Channel.FINAL)
        }
        self._end = {
            Channel.ANALYSIS: tokenizer.special_id(Marker.END),
            Channel.FINAL: tokenizer.special_id(Marker.RETURN),
        }
        self._next = (self._end[Channel.ANALYSIS], *ids(Marker.START, "assistant"))
        self._specials = np.array(sorted(tokenizer.special_ids))
        self._num_read = start
        self._begin(reasons=reasons)

    def __call__(self, token_ids: Sequence[int], logits: Float32) -> Float32:
        """See `Constraint`."""
        self._read(token_ids)
        if self._is_over:
            return logits
        if self._channel is not None:
            allowed = [self._end[self._channel]]
            kept = logits[allowed]
            logits[self._specials] = -np.inf
        else:
            allowed = sorted(self._possible(self._begun))
            kept = logits[allowed]
            logits[:] = -np.inf
        logits[allowed] = kept
        return logits

    def forced(self, token_ids: Sequence[int]) -> Sequence[int]:
        """See `Constraint`."""
        self._read(token_ids)
        if self._is_over or self._channel is not None:
            return ()
        begun = self._begun
        while len(possible := self._possible(begun)) == 1:
            begun = (*begun, *possible)
        return begun[len(self._begun) :]

    def end_reasoning(self, position: int) -> None:
        """See `Constraint`."""
        self._num_read = position
        self._begin(reasons=False)

    def _begin(self, *, reasons: bool) -> None:
        # Every header that may be begun now, and how far it is: None in a text.
        channels = self._header if reasons else [Channel.FINAL]
        self._headers = {self._header[channel]: channel for channel in channels}
        self._begun: _Ids = ()
        self._channel: Channel | None = None
        self._is_over = False

    def _read(self, token_ids: Sequence[int]) -> None:
        for token_id in token_ids[self._num_read :]:
            self._take(token_id)
        self._num_read = max(self._num_read, len(token_ids))

    def _take(self, token_id: int) -> None:
        if self._channel is None:
            if token_id not in self._possible(self._begun):
                raise SchemaError(f"the token {token_id} begins no message of an assistant's turn")
            self._begun = (*self._begun, token_id)
            self._channel = self._headers.get(self._begun)
        elif token_id == self._end[self._channel]:
            if self._channel is Channel.FINAL:
                self._is_over = True
                return
            self._headers = {
                (*self._next, *self._header[channel]): channel for channel in self._header
            }
            self._begun, self._channel = (token_id,), None

    def _possible(self, begun: _Ids) -> set[int]:
        return {
            header[len(begun)]
            for header in self._headers
            if len(header) > len(begun) and header[: len(begun)] == begun
        }
