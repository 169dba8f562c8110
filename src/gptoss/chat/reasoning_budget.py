"""Ends the chain of thought in time, so that there is an answer."""

from __future__ import annotations

from collections.abc import Sequence

from gptoss import harmony
from gptoss.errors import RequestError
from gptoss.harmony.names import Channel, Marker
from gptoss.tokenizer import Tokenizer

# From so much of the budget on, the end of a sentence or a line will do; without one, the last token.
_SOFT_SHARE = 0.9
_PAUSES = (".", "!", "?", "\n")


class ReasoningBudget:
    """A guide that closes the analysis into the final channel: after so many tokens of it, or when asked to.

    max_tokens  tokens of reasoning at most; 0: none, the answer comes at once; None: only when asked

    Raises RequestError for a negative number.
    """

    def __init__(self, tokenizer: Tokenizer, num_prompt: int, max_tokens: int | None) -> None:
        if max_tokens is not None and max_tokens < 0:
            raise RequestError(f"got {max_tokens} tokens of reasoning, wanted 0 or more")
        self.has_closed = False
        self._tokenizer = tokenizer
        self._parser = harmony.Parser(tokenizer)
        self._num_prompt = self._num_read = num_prompt
        self._max_tokens = max_tokens
        self._num_used = 0
        self._is_asked = False
        answer = [*_ids(tokenizer, Marker.CHANNEL), *tokenizer.encode(Channel.FINAL)]
        self._opening = [*answer, *_ids(tokenizer, Marker.MESSAGE)]
        ended = _ids(tokenizer, Marker.END, Marker.START)
        self._closing = [*ended, *tokenizer.encode("assistant"), *self._opening]

    def close(self) -> None:
        """Answer now. May be called from any thread."""
        self._is_asked = True

    def forced(self, token_ids: Sequence[int]) -> Sequence[int]:
        """See `gptoss.engine.Guide`."""
        for token_id in token_ids[self._num_read :]:
            self._parser.feed(token_id)
            self._num_used += self._parser.is_reasoning
        self._num_read = len(token_ids)
        is_wanted = self._is_asked or self._is_spent(token_ids[-1])
        if self._num_read == self._num_prompt and is_wanted:
            self.has_closed = True
            return self._opening
        if self._parser.is_reasoning and is_wanted:
            self.has_closed = True
            return self._closing
        return ()

    def _is_spent(self, last: int) -> bool:
        if self._max_tokens is None:
            return False
        if self._num_used >= self._max_tokens:
            return True
        if self._num_used < self._max_tokens * _SOFT_SHARE:
            return False
        return self._tokenizer.decode([last]).rstrip(" ").endswith(_PAUSES)


def _ids(tokenizer: Tokenizer, *markers: Marker) -> list[int]:
    return [tokenizer.special_id(marker) for marker in markers]
