"""Probabilities of an answer's tokens, as OpenAI's chat and its responses tell them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from gptoss.engine import Token
from gptoss.server.replies import Reply
from gptoss.tokenizer import Tokenizer

# JSON has no infinity.
NEVER = -9999.0


class TokenProbability(Reply):
    """A token that could have come."""

    token: str
    """What it spells; half a character is `\\ufffd`."""
    logprob: float
    """Natural logarithm of its probability, by the model's own logits; -9999 stands for never."""
    bytes: list[Annotated[int, Field(ge=0, le=255)]]
    """What it spells, as UTF-8."""


class TokenLogprobs(TokenProbability):
    """A token of the answer, and those most likely in its place."""

    top_logprobs: list[TokenProbability]
    """As many as `top_logprobs` asked for, the likeliest first."""


def logprobs_of(tokens: Sequence[Token], tokenizer: Tokenizer) -> list[TokenLogprobs]:
    """Of those of an answer's tokens whose probabilities are known."""
    found = []
    for token in tokens:
        if token.logprobs is None:
            continue
        piece = tokenizer.decode_bytes((token.id,))
        top = []
        for token_id, logprob in token.logprobs.top:
            other = tokenizer.decode_bytes((token_id,))
            top.append(
                TokenProbability(
                    token=other.decode("utf-8", "replace"),
                    logprob=max(logprob, NEVER),
                    bytes=[*other],
                )
            )
        found.append(
            TokenLogprobs(
                token=piece.decode("utf-8", "replace"),
                logprob=max(token.logprobs.logprob, NEVER),
                bytes=[*piece],
                top_logprobs=top,
            )
        )
    return found
