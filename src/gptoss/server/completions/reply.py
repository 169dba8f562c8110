"""The whole reply of Completions, and the chunks of a stream."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from gptoss.server.replies import ABSENT, Count, Reply, UnixSeconds
from gptoss.server.shared.extension import Ignored
from gptoss.server.shared.ids import new_id

FinishName = Literal["stop", "length"]


class CompletionLogprobs(Reply):
    """The tokens of a text. All four lists are as long as each other."""

    tokens: list[str]
    """What each spells."""
    token_logprobs: list[float | None]
    """Natural logarithms of their probabilities; -9999 stands for never, null for the first of an echoed prompt."""
    top_logprobs: list[dict[str, float] | None]
    """The likeliest in the place of each and the token itself, by what they spell; of special ones, ends alone."""
    text_offset: list[Count]
    """Characters before each, those of an echoed prompt included."""


class CompletionChoice(Reply):
    """One of the texts; prompts come one after the other, each with its `n` texts."""

    index: Count
    text: str
    """With `echo`, the prompt stands before it."""
    logprobs: CompletionLogprobs | None
    """If `logprobs` asked for them."""
    finish_reason: FinishName


class CompletionChunkChoice(Reply):
    """A piece of one of the texts."""

    index: Count
    text: str
    logprobs: CompletionLogprobs | None
    """Of the tokens of the piece, if `logprobs` asked for them; in the last chunk, of those without text."""
    finish_reason: FinishName | None
    """In the last chunk of a text, otherwise null."""


class CompletionUsage(Reply):
    """Tokens of a request; those of all prompts and of all texts together."""

    prompt_tokens: Count
    completion_tokens: Count
    total_tokens: Count


class Completion(Reply):
    """Texts that go on from prompts."""

    id: str
    object: Literal["text_completion"]
    created: UnixSeconds
    model: str
    system_fingerprint: str
    """What a text depends on beside the request: version and precision."""
    choices: Annotated[list[CompletionChoice], Field(min_length=1)]
    usage: CompletionUsage
    gptoss: Ignored = ABSENT


class CompletionChunk(Reply):
    """A piece of a stream."""

    id: str
    """The same in all of a stream."""
    object: Literal["text_completion"]
    created: UnixSeconds
    model: str
    system_fingerprint: str
    choices: Annotated[list[CompletionChunkChoice], Field(max_length=1)]
    """One, or none in the chunk that tells of `usage`."""
    usage: CompletionUsage = ABSENT
    """In the last chunk, with `stream_options.include_usage`."""
    gptoss: Ignored = ABSENT
    """In the last chunk of each text."""


@dataclass
class Replies:
    """Makes the whole reply to one request, or the chunks of its stream."""

    model_name: str
    fingerprint: str
    ignored: Sequence[str] = ()
    id: str = field(default_factory=lambda: new_id("cmpl-"))
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, choices: list[CompletionChoice], usage: CompletionUsage) -> Completion:
        """The whole reply."""
        made = Completion(
            id=self.id,
            object="text_completion",
            created=self.created,
            model=self.model_name,
            system_fingerprint=self.fingerprint,
            choices=choices,
            usage=usage,
        )
        if self.ignored:
            made.gptoss = Ignored(ignored=list(self.ignored))
        return made

    def chunk(self, *choices: CompletionChunkChoice) -> CompletionChunk:
        """A chunk of the stream."""
        return CompletionChunk(
            id=self.id,
            object="text_completion",
            created=self.created,
            model=self.model_name,
            system_fingerprint=self.fingerprint,
            choices=list(choices),
        )
