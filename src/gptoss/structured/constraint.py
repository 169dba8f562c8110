"""What holds one sequence to the rules of its turn: a logits processor and a guide of the engine in one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from llguidance import LLMatcher

from gptoss.errors import SchemaError
from gptoss.kernels import Float32
from gptoss.structured.token_mask import TokenMask

# Of the processor's time, for a sequence and for each of its tokens: masks take a hundredth of that as a rule.
_ALLOWED_S, _TOKEN_S = 1.0, 0.005


@contextmanager
def panics_as_errors() -> Iterator[None]:
    """A fault inside llguidance, which is no Exception, becomes a SchemaError of the one request that met it."""
    try:
        yield
    except Exception:
        raise
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise SchemaError(f"the grammar's compiler failed: {first_line(str(error))}") from None


def first_line(message: str) -> str:
    """Of an error that may go on for pages; regular expressions say what is wrong in their last line."""
    lines = [line.strip() for line in message.strip().splitlines()]
    lines = [line for line in lines if line and not line.startswith("<state>")] or ["no reason"]
    last = next((line for line in lines[1:] if line.startswith("error:")), "")
    return f"{lines[0]} {last}".strip()[:300]


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
    later    at the beginning of a message after which there is no chain of thought; for this constraint alone as well
    start    the position in the sequence where the turn begins
    """

    def __init__(self, matcher: LLMatcher, later: LLMatcher, vocab_size: int, start: int) -> None:
        self._matcher = matcher
        self._later = later
        self._mask = TokenMask(vocab_size)
        self._num_read = start
        self._left_s = _ALLOWED_S

    def __call__(self, token_ids: Sequence[int], logits: Float32) -> Float32:
        """See `Constraint`."""
        began = time.thread_time()
        with panics_as_errors():
            self._read(token_ids)
            self._mask.fill(self._matcher)
            self._check()
        self._spend(time.thread_time() - began)
        self._mask.apply(logits)
        return logits

    def forced(self, token_ids: Sequence[int]) -> Sequence[int]:
        """See `Constraint`."""
        began = time.thread_time()
        with panics_as_errors():
            self._read(token_ids)
            found = () if self._matcher.is_stopped() else self._matcher.compute_ff_tokens()
        self._left_s -= time.thread_time() - began
        return found

    def end_reasoning(self, position: int) -> None:
        """See `Constraint`."""
        self._matcher = self._later
        self._num_read = position

    def _spend(self, seconds: float) -> None:
        """Of the processor's time, which every other sequence waits for."""
        self._left_s += _TOKEN_S - seconds
        if self._left_s < 0:
            raise SchemaError(
                "the grammar takes too long for each token; make it less ambiguous, as in `a: b+` for `a: b | a a`"
            )

    def _read(self, token_ids: Sequence[int]) -> None:
        new = list(token_ids[self._num_read :])
        if new and not self._matcher.consume_tokens(new):
            self._check()
            raise SchemaError(f"the tokens from position {self._num_read} on do not fit the rules")
        self._num_read = max(self._num_read, len(token_ids))

    def _check(self) -> None:
        if self._matcher.is_error():
            reason = first_line(self._matcher.get_error())
            raise SchemaError(f"the output cannot be held to its grammar any further: {reason}")
