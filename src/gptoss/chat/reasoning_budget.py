"""Ends the chain of thought in time, so that there is an answer."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from gptoss import harmony
from gptoss.errors import RequestError
from gptoss.harmony.names import Channel, Marker
from gptoss.structured import Constraint
from gptoss.tokenizer import Tokenizer

# From so much of the budget on, the end of a sentence or a line will do; without one, the last token.
_SOFT_SHARE = 0.9
_PAUSES = (".", "!", "?", "\n")


class ReasoningBudget:
    """A guide that ends the analysis: after so many tokens of it, or when asked to.

    max_tokens  tokens of reasoning at most; 0: none, the answer comes at once; None: only when asked
    constraint  what the turn is held to, which then lets no further analysis begin; None: the final channel is opened

    Raises RequestError for a negative number.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        num_prompt: int,
        max_tokens: int | None,
        constraint: Constraint | None = None,
    ) -> None:
        if max_tokens is not None and max_tokens < 0:
            raise RequestError(f"got {max_tokens} tokens of reasoning, wanted 0 or more")
        self.has_closed = False
        self._tokenizer = tokenizer
        self._constraint = constraint
        self._num_prompt = self._num_read = num_prompt
        self._max_tokens = max_tokens
        self._num_used = 0
        self._is_asked = False

    @functools.cached_property
    def _parser(self) -> harmony.Parser:
        """Reads the turn once more, as the model writes it; most turns have no budget and need none."""
        return harmony.Parser(self._tokenizer)

    def close(self) -> None:
        """Answer now. May be called from any thread."""
        self._is_asked = True

    def forced(self, token_ids: Sequence[int]) -> Sequence[int]:
        """See `gptoss.engine.Guide`."""
        if self._max_tokens is None and not self._is_asked:
            # Most turns: what they write is read when somebody asks, if ever.
            return ()
        for token_id in token_ids[self._num_read :]:
            self._parser.feed(token_id)
            self._num_used += self._parser.is_reasoning
        self._num_read = len(token_ids)
        is_start = self._num_read == self._num_prompt
        if not (is_start or self._parser.is_reasoning):
            return ()
        if not (self._is_asked or self._is_spent(token_ids[-1])):
            return ()
        self.has_closed = True
        closing = [] if is_start else self._ids(Marker.END, Marker.START, "assistant")
        if self._constraint is None:
            return [*closing, *self._ids(Marker.CHANNEL, Channel.FINAL, Marker.MESSAGE)]
        self._constraint.end_reasoning(len(token_ids) + len(closing))
        return closing

    def _is_spent(self, last: int) -> bool:
        if self._max_tokens is None:
            return False
        if self._num_used >= self._max_tokens:
            return True
        if self._num_used < self._max_tokens * _SOFT_SHARE:
            return False
        return self._tokenizer.decode([last]).rstrip(" ").endswith(_PAUSES)

    def _ids(self, *parts: str) -> list[int]:
        """The token ids of markers, and of words between them."""
        tokenizer, found = self._tokenizer, list[int]()
        for part in parts:
            found += (
                [tokenizer.special_id(part)] if isinstance(part, Marker) else tokenizer.encode(part)
            )
        return found
