"""Our extension: what OpenAI's APIs have no words for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from gptoss import chat
from gptoss.chat.tool_policy import Cap
from gptoss.engine.sampling_params import MAX_SEED
from gptoss.server.replies import ABSENT, Count, Reply


class Loop(Reply):
    """A repetition that the turn fell into."""

    period: Count
    """How many tokens come again and again."""
    num_new: Count
    """How many tokens the turn had when it was noticed."""


class Repair(Reply):
    """A place where the model left the chat format."""

    seen: str
    """What it wrote, word for word."""
    assumed: str
    """What that was taken for."""


class Timings(Reply):
    """Where the time of a turn went, in seconds, and the tokens that it bought."""

    queue_s: float
    """Before it began."""
    prefill_s: float
    """Until the first token of the answer."""
    decode_s: float
    """For all tokens after the first."""
    prefill_tokens_per_s: float | None
    """Of the prompt's tokens that were not in the prefix cache; null where there is no such speed."""
    decode_tokens_per_s: float | None
    """Of the tokens after the first; null where there is none."""
    drafted_tokens: Count
    """Tokens that were guessed ahead."""
    accepted_tokens: Count
    """How many of them were right, each of which saved a step."""
    preemptions: Count
    """How often the turn gave its place to others, and was computed again."""


class Ignored(Reply):
    """What was taken and does nothing: our extension where there was anything."""

    ignored: Annotated[list[str], Field(min_length=1)]
    """Fields of the request, by their places; of one that is in many objects, the first."""


class Extension(Reply):
    """What the APIs have no words for: our extension, in every reply of a chat."""

    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] | None
    """
    The request's, or one that was drawn: asked for again, it gives the same answer. May need 64 bits. Null where the
    turn was ended before it began.
    """
    reasoning_cut: bool
    """Whether the chain of thought was ended by `reasoning_tokens`."""
    loop: Loop | None
    """A repetition, if one was noticed."""
    repairs: list[Repair]
    """Where the model left the chat format, and what was assumed."""
    not_enforced: list[str]
    """In words, what of lenient schemas the answer and its calls were not held to."""
    ignored: list[str]
    """Fields of the request that were taken and do nothing, by their places; of one in many objects, the first."""
    timings: Timings
    capped: Cap = ABSENT
    """Which limit of calls that the server runs was used up before the answer, where one was."""


def extension_of(reply: chat.Reply, ignored: Sequence[str] = ()) -> Extension:
    """That of a finished turn; `ignored`: fields of the request that do nothing."""
    loop = reply.loop
    more = {} if reply.capped is None else {"capped": reply.capped}
    return Extension(
        seed=reply.seed,
        reasoning_cut=reply.is_reasoning_cut,
        loop=None if loop is None else Loop(period=loop.period, num_new=loop.num_new),
        repairs=[Repair(seen=each.seen, assumed=each.assumed) for each in reply.repairs],
        not_enforced=list(reply.not_enforced),
        ignored=list(ignored),
        timings=Timings.model_validate(reply.timings.to_dict()),
        **more,
    )
