"""What an engine may use."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real

from gptoss.arguments import require_type
from gptoss.engine.sampling_params import require
from gptoss.errors import RequestError
from gptoss.model.kv_cache import MAX_CHUNK
from gptoss.model.precision import CacheType

# Tokens that a step computes for a sequence without taking them from what prompts share: forced ones, mostly.
FEW_TOKENS = 16
# Sequences with a short context have room for so many positions together.
_SHORT_CONTEXTS = 32768


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What an engine may use.

    context         tokens that a sequence may have; None: the model's own
    cache_tokens    positions that the full layers' KV cache holds over all sequences; None: one context, or some of
                    short ones
    spare_tokens    positions of the sliding layers kept for prefixes
    cache_type      how keys and values are kept; None: as the model has it
    max_running     sequences that run at once
    max_chunk       tokens of prompts in one step, so that a cancelled one ends within seconds on a slow machine
    max_step_s      seconds of a step with a part of a prompt in it, while answers are running
    keeps_prefixes  whether prompts go on from what was computed before
    speculates      whether tokens are guessed from the text so far, where that pays

    No option changes a token. Raises RequestError for a number out of range.
    """

    context: int | None = None
    cache_tokens: int | None = None
    spare_tokens: int = 8192
    cache_type: CacheType | None = None
    max_running: int = 16
    max_chunk: int = 512
    max_step_s: float = 0.7
    keeps_prefixes: bool = True
    speculates: bool = True

    def __post_init__(self) -> None:
        for name in ("context", "cache_tokens"):
            require_type(name, getattr(self, name), Integral, type(None))
        for name in ("spare_tokens", "max_running", "max_chunk"):
            require_type(name, getattr(self, name), Integral)
        require_type("max_step_s", self.max_step_s, Real)
        if not 1 <= self.max_running <= 256:
            raise RequestError(f"got {self.max_running} running sequences, wanted 1 to 256")
        for name in ("cache_tokens", "spare_tokens", "max_step_s"):
            value = getattr(self, name)
            require(name, value, value is None or value >= 0, "0 or more")
        if not FEW_TOKENS < self.max_chunk <= MAX_CHUNK:
            raise RequestError(
                f"got steps of {self.max_chunk} tokens, wanted {FEW_TOKENS + 1} to {MAX_CHUNK}"
            )

    def num_cache_tokens(self, max_positions: int) -> int:
        """Positions that the KV cache holds over all sequences, for a model of so many positions."""
        context = max_positions if self.context is None else self.context
        if self.cache_tokens is not None:
            return max(context, self.cache_tokens)
        return max(context, min(context * self.max_running, _SHORT_CONTEXTS))

    def require_context(self, max_positions: int) -> None:
        """Raises RequestError for a context that a model of so many positions does not have."""
        if self.context is not None and not 1 <= self.context <= max_positions:
            raise RequestError(
                f"got a context of {self.context} tokens, wanted 1 to {max_positions}, the model's own"
            )
