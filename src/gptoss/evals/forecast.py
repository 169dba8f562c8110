"""The time that a run will take, told before it is begun."""

from __future__ import annotations

from dataclasses import dataclass

from gptoss.evals.suite import ProtocolCard
from gptoss.runtime.loaded_model import LoadedModel
from gptoss.runtime.speed import measure_speed

_PROMPT_TOKENS, _STEPS = 32, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """About how long a run takes.

    seconds            without reading the prompts
    tokens_per_second  of all answers together
    tokens             of an answer, as is usual for the suite and the effort
    """

    seconds: float
    tokens_per_second: float
    tokens: int


def forecast(model: LoadedModel, card: ProtocolCard, effort: str, num_plays: int) -> Forecast:
    """Time some steps of so many answers at once as will run, and count from that."""
    batch = max(1, min(num_plays, model.options.max_running))
    found = measure_speed(model, prefill_tokens=_PROMPT_TOKENS, decode_tokens=_STEPS, batch=batch)
    speed = found["decode_tokens_per_s"]
    assert isinstance(speed, float)
    tokens = card.tokens.get(effort, card.tokens["medium"])
    return Forecast(seconds=num_plays * tokens / speed, tokens_per_second=speed, tokens=tokens)
