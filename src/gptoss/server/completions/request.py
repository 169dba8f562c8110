"""A request of the Completions API."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from gptoss.chat.types.words import Filled
from gptoss.server.settings import ServerSettings
from gptoss.server.wire import (
    CACHED_ANYWAY,
    NOT_TOLD_APART,
    SERVING,
    CountFrom0,
    SamplingFields,
    Stop,
    StreamOptions,
)
from gptoss.server.wire_errors import ApiError

# What OpenAI's API writes when nothing is said.
DEFAULT_TOKENS = 16
MAX_PROMPTS = 32
_UNREAD = {
    "user": NOT_TOLD_APART,
    "safety_identifier": NOT_TOLD_APART,
    "prompt_cache_key": CACHED_ANYWAY,
    **SERVING,
}
TokenIds = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]


def _counted(prompt: object) -> object:
    """The same; counted before each is looked at."""
    are_several = isinstance(prompt, list) and prompt and not isinstance(prompt[0], int)
    if are_several and isinstance(prompt, list) and len(prompt) > MAX_PROMPTS:
        raise ValueError(f"got {len(prompt)} prompts, wanted at most {MAX_PROMPTS}")
    return prompt


class CompletionRequest(SamplingFields):
    """The body of `/v1/completions`."""

    unread = _UNREAD

    model: str | None = None
    prompt: Annotated[
        Filled
        | Annotated[list[Filled], Field(min_length=1, max_length=MAX_PROMPTS)]
        | TokenIds
        | Annotated[list[TokenIds], Field(min_length=1, max_length=MAX_PROMPTS)],
        BeforeValidator(_counted),
    ]
    """Text, token ids, or several of either. Special tokens have no place in it."""
    max_tokens: CountFrom0 | None = None
    """Of each text; 16 unless said otherwise. 0: the prompts are read, and told with `echo`."""
    n: Annotated[int, Field(ge=1)] | None = None
    """Texts to each prompt."""
    best_of: Annotated[int, Field(ge=1)] | None = None
    """The same as `n`: all are given."""
    echo: bool | None = None
    """Whether the prompt stands before each text."""
    logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    """Whether tokens are told with their probabilities, how many of the likeliest; with `echo`, the prompt's too."""
    stop: Stop = None
    """Texts at which it ends, at most 16; they are not part of it."""
    stream: bool | None = None
    """Whether it comes in pieces, as events."""
    stream_options: StreamOptions | None = None
    suffix: Literal[""] | None = None
    """The model was not trained for any."""

    @property
    def num(self) -> int:
        """Texts to each prompt."""
        return self.n or 1

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts at which it ends."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())

    @property
    def scores_prompt(self) -> bool:
        """Whether the prompts' own tokens are told with their probabilities."""
        return bool(self.echo) and self.logprobs is not None

    def check(self, settings: ServerSettings) -> None:
        """Raises ApiError for what there is not, or not so much of."""
        if self.best_of not in (None, self.num):
            raise ApiError(
                400, "got best_of, wanted the same as n: all answers are given", param="best_of"
            )
        most = settings.max_answers
        if self.num > most:
            raise ApiError(400, f"got n {self.num}, wanted at most {most}", param="n")
