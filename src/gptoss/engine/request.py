"""What a caller asks of the engine, and how it ended."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, field, replace
from enum import StrEnum
from typing import Protocol

from gptoss.engine.owner import Owner
from gptoss.engine.sampling_params import MAX_SEED, SamplingParams, require
from gptoss.errors import RequestError
from gptoss.kernels import Float32

# (token ids so far, the prompt's included; logits of the next one) -> logits. May write to the logits it is given.
LogitsProcessor = Callable[[Sequence[int], Float32], Float32]


class Guide(Protocol):
    """Decides where the model has no choice."""

    def forced(self, token_ids: Sequence[int]) -> Sequence[int]:
        """The tokens that must follow token_ids, the prompt's included; none: the model chooses the next.

        Asked before every choice of the model, and again after what was forced; with the same ids perhaps twice.
        """
        ...


class FinishReason(StrEnum):
    """Why a sequence ended."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Request:
    """A prompt, and how to go on from it.

    max_tokens     new tokens at most; 0: the prompt is only read; None: as many as the context holds
    stop_ids       tokens that end the sequence; the one that did is given out as well
    processors     applied to the logits in order, before sampling
    guides         the first that forces tokens is followed, then all are asked again; nothing is sampled for these
    owner          whose it is: prefixes are found by their owner alone, and owners take turns
    scores_prompt  whether the prompt's own tokens are reported as `sampling.logprobs` asks for new ones; then none of
                   it is taken from what was computed before

    Raises RequestError for a value out of range. Token ids are checked when the engine takes the request.
    """

    token_ids: Sequence[int]
    sampling: SamplingParams = field(default_factory=SamplingParams)
    max_tokens: int | None = None
    stop_ids: frozenset[int] = frozenset()
    processors: tuple[LogitsProcessor, ...] = ()
    guides: tuple[Guide, ...] = ()
    owner: Owner = field(default_factory=Owner)
    scores_prompt: bool = False

    def __post_init__(self) -> None:
        if self.max_tokens is not None:
            is_whole = type(self.max_tokens) is int
            require("max_tokens", self.max_tokens, is_whole and self.max_tokens >= 0, "0 or more")
        if self.scores_prompt and self.sampling.logprobs is None:
            raise RequestError(
                "got scores_prompt without logprobs, wanted the number of most likely tokens to report; "
                "set it in the sampling"
            )

    def for_answer(self, index: int) -> Request:
        """The same request for another of several answers to one prompt: a seed counts up."""
        seed = self.sampling.seed
        if seed is None or not index:
            return self
        sampling = replace(self.sampling, seed=(seed + index) % (MAX_SEED + 1))
        return replace(self, sampling=sampling)


@dataclass(frozen=True, slots=True)
class Timings:
    """Where a request's time went, in seconds, and the tokens it bought.

    Prefill ends with the first new token that was not forced; decode is the time of all later ones.
    cached_tokens    of the prompt, that were in the prefix cache
    drafted_tokens   that were guessed; accepted_tokens of them were right, and saved a step each
    preemptions      times that the sequence gave its pages to others, and was computed again
    """

    queue_s: float = 0.0
    prefill_s: float = 0.0
    decode_s: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    drafted_tokens: int = 0
    accepted_tokens: int = 0
    preemptions: int = 0

    def __add__(self, other: Timings) -> Timings:
        """Return the time and the tokens of two requests together."""
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Timings(*(mine + its for mine, its in pairs))

    def to_dict(self) -> dict[str, float | None]:
        """Seconds and speeds for JSON; a speed that there is none of is None."""
        prefill, decode = self.prefill_tokens_per_s, self.decode_tokens_per_s
        return {
            "queue_s": round(self.queue_s, 6),
            "prefill_s": round(self.prefill_s, 6),
            "decode_s": round(self.decode_s, 6),
            "prefill_tokens_per_s": None if math.isnan(prefill) else round(prefill, 2),
            "decode_tokens_per_s": None if math.isnan(decode) else round(decode, 2),
            "drafted_tokens": self.drafted_tokens,
            "accepted_tokens": self.accepted_tokens,
            "preemptions": self.preemptions,
        }

    @property
    def prefill_tokens_per_s(self) -> float:
        """Computed prompt tokens a second; NaN before there was one."""
        computed = self.prompt_tokens - self.cached_tokens
        return computed / self.prefill_s if self.prefill_s else math.nan

    @property
    def decode_tokens_per_s(self) -> float:
        """New tokens a second after the first; NaN before there was a second one."""
        return (self.completion_tokens - 1) / self.decode_s if self.decode_s else math.nan
