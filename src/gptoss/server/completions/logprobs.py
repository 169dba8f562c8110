"""Probabilities of a text's tokens, as Completions tells them."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from gptoss.engine import TokenLogprobs
from gptoss.server.completions.reply import CompletionLogprobs
from gptoss.server.shared.logprobs import NEVER
from gptoss.tokenizer import Tokenizer


class ToldTokens:
    """Tokens that are to be told, each with the place in the text where it begins."""

    def __init__(self, tokenizer: Tokenizer, ends: AbstractSet[int]) -> None:
        """`ends`: special tokens that may come, since they end a text; no other may."""
        self._tokenizer = tokenizer
        self._never = tokenizer.special_ids - ends
        self._new = _none()

    def add(self, token_id: int, logprobs: TokenLogprobs | None, offset: int) -> None:
        """One more; without logprobs, the first of a prompt."""
        self._new.tokens.append(self._tokenizer.decode([token_id]))
        self._new.text_offset.append(offset)
        known = None if logprobs is None else max(logprobs.logprob, NEVER)
        self._new.token_logprobs.append(known)
        self._new.top_logprobs.append(None if logprobs is None else self._likely(logprobs))

    def take(self) -> CompletionLogprobs | None:
        """Those since the last time, if there are any."""
        new, self._new = self._new, _none()
        return new if new.tokens else None

    def _likely(self, logprobs: TokenLogprobs) -> dict[str, float]:
        """Return the likeliest tokens and the token itself; of those that are spelled alike, itself or the likelier."""
        decode = self._tokenizer.decode
        found: dict[str, float] = {}
        for token_id, value in logprobs.top:
            if token_id not in self._never:
                found.setdefault(decode([token_id]), max(value, NEVER))
        found[decode([logprobs.token_id])] = max(logprobs.logprob, NEVER)
        return found


def joined(told: Iterable[CompletionLogprobs | None]) -> CompletionLogprobs:
    """All of them as one."""
    found = _none()
    for each in told:
        if each is not None:
            found.tokens += each.tokens
            found.token_logprobs += each.token_logprobs
            found.top_logprobs += each.top_logprobs
            found.text_offset += each.text_offset
    return found


def _none() -> CompletionLogprobs:
    return CompletionLogprobs(tokens=[], token_logprobs=[], top_logprobs=[], text_offset=[])
