"""What holds one sequence to the rules of its turn: a logits processor and a guide of the engine in one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from llguidance import LLMatcher

from gptoss.errors import SchemaError
from gptoss.kernels import Float32
from gptoss.structured.token_mask import TokenMask


class Constraint(Protocol):
    """Follows one sequence from where its turn begins."""

    def __call__(self, token_ids: Sequence[int], logits: Float32) -> Float32:
        """See `gptoss.engine.LogitsProcessor`: forbids what may not come next, in place."""
        ...

    def forced(self, token_ids: Sequence[int]) -> Sequence[int]:
        """See `gptoss.engine.Guide`: what must come next, where there is no choice."""
        ...

    def end_reasoning(self, position: int) -> None:
        """From that position on, where a message of the assistant begins, there is no further chain of thought."""
        ...


class GrammarConstraint:
    """By llguidance. Raises SchemaError, as processor and guide, for ids that leave the grammar.

    matcher  at the beginning of the turn; this constraint's own
    later    at the beginning of a message after which there is no chain of thought
    start    the position in the sequence where the turn begins
    """

    def __init__(self, matcher: LLMatcher, later: LLMatcher, vocab_size: int, start: int) -> None:
        self._matcher = matcher
        self._later = later
        self._mask = TokenMask(vocab_size)
        self._num_read = start

    def __call__(self, token_ids: Sequence[int], logits: Float32) -> Float32:
        """See `Constraint`."""
        self._read(token_ids)
        self._mask.fill(self._matcher)
        self._check()
        self._mask.apply(logits)
        return logits

    def forced(self, token_ids: Sequence[int]) -> Sequence[int]:
        """See `Constraint`."""
        self._read(token_ids)
        return () if self._matcher.is_stopped() else self._matcher.compute_ff_tokens()

    def end_reasoning(self, position: int) -> None:
        """See `Constraint`."""
        self._matcher = self._later.deep_copy()
        self._num_read = position

    def _read(self, token_ids: Sequence[int]) -> None:
        new = list(token_ids[self._num_read :])
        if new and not self._matcher.consume_tokens(new):
            self._check()
            raise SchemaError(f"the tokens from position {self._num_read} on do not fit the rules")
        self._num_read = max(self._num_read, len(token_ids))

    def _check(self) -> None:
        if self._matcher.is_error():
            reason = self._matcher.get_error().strip().splitlines()[0]
            raise SchemaError(f"the output cannot be held to its grammar any further: {reason}")
