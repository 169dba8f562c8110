"""What a caller asks of the engine, and how it ended."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gptoss.errors import RequestError
from gptoss.kernels import Float32

# (token ids so far, the prompt's included; logits of the next one) -> logits. May write to the logits it is given.
LogitsProcessor = Callable[[Sequence[int], Float32], Float32]

MAX_SEED = 2**64 - 1


class FinishReason(StrEnum):
    """Why a sequence ended."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How the next token is chosen from the logits; the defaults are those the model was published with.

    temperature  divides the logits; 0 takes the most likely token
    top_k        keeps so many of the most likely tokens; 0 keeps all
    top_p        keeps the fewest of the most likely tokens whose probabilities reach this sum
    min_p        keeps tokens at least this share as likely as the most likely one
    seed         the same seed, prompt and weights give the same tokens; None draws one

    Applied in this order. Raises RequestError for a value out of range.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    seed: int | None = None

    def __post_init__(self) -> None:
        for name in ("top_k", "seed"):
            value = getattr(self, name)
            _require(name, value, value is None or type(value) is int, "a whole number")
        _require("temperature", self.temperature, 0 <= self.temperature <= 100, "0 to 100")
        _require("top_k", self.top_k, self.top_k >= 0, "0 (all) or more")
        _require("top_p", self.top_p, 0 < self.top_p <= 1, "above 0, at most 1")
        _require("min_p", self.min_p, 0 <= self.min_p <= 1, "0 to 1")
        if self.seed is not None:
            _require("seed", self.seed, 0 <= self.seed <= MAX_SEED, f"0 to {MAX_SEED}")


def _require(name: str, value: object, is_inside: bool, wanted: str) -> None:
    # Comparisons with NaN are false, so it is outside everywhere.
    if not is_inside:
        raise RequestError(f"got {name} {value}, wanted {wanted}")


@dataclass(frozen=True, slots=True)
class Request:
    """A prompt, and how to go on from it.

    max_tokens  new tokens at most; None: as many as the context holds
    stop_ids    tokens that end the sequence; the one that did is given out as well
    processors  applied to the logits in order, before sampling

    Raises RequestError for a value out of range. Token ids are checked when the engine takes the request.
    """

    token_ids: Sequence[int]
    sampling: SamplingParams = SamplingParams()
    max_tokens: int | None = None
    stop_ids: frozenset[int] = frozenset()
    processors: tuple[LogitsProcessor, ...] = ()

    def __post_init__(self) -> None:
        if self.max_tokens is not None:
            is_whole = type(self.max_tokens) is int
            _require("max_tokens", self.max_tokens, is_whole and self.max_tokens >= 1, "1 or more")


@dataclass(frozen=True, slots=True)
class Timings:
    """Where a request's time went, in seconds, and the tokens it bought.

    Prefill ends with the first new token; decode is the time of all later ones.
    """

    queue_s: float = 0.0
    prefill_s: float = 0.0
    decode_s: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def to_dict(self) -> dict[str, float | None]:
        """Seconds and speeds for JSON; a speed that there is none of is None."""
        prefill, decode = self.prefill_tokens_per_s, self.decode_tokens_per_s
        return {
            "queue_s": round(self.queue_s, 6),
            "prefill_s": round(self.prefill_s, 6),
            "decode_s": round(self.decode_s, 6),
            "prefill_tokens_per_s": None if math.isnan(prefill) else round(prefill, 2),
            "decode_tokens_per_s": None if math.isnan(decode) else round(decode, 2),
        }

    @property
    def prefill_tokens_per_s(self) -> float:
        """Prompt tokens a second; NaN before there was one."""
        return self.prompt_tokens / self.prefill_s if self.prefill_s else math.nan

    @property
    def decode_tokens_per_s(self) -> float:
        """New tokens a second after the first; NaN before there was a second one."""
        return (self.completion_tokens - 1) / self.decode_s if self.decode_s else math.nan
