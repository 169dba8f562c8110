"""The events of a response's stream."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypeAliasType

from gptoss.server.replies import Count, Reply
from gptoss.server.responses.types.items import (
    OutputItem,
    OutputText,
    ReasoningText,
    SummaryText,
)
from gptoss.server.responses.types.response import Response
from gptoss.server.shared.logprobs import TokenLogprobs

ResponseChange = Literal[
    "response.created",
    "response.queued",
    "response.in_progress",
    "response.completed",
    "response.incomplete",
    "response.failed",
]
LAST_EVENTS = ("response.completed", "response.incomplete", "response.failed")
ItemChange = Literal["response.output_item.added", "response.output_item.done"]
PartChange = Literal["response.content_part.added", "response.content_part.done"]
SummaryPartChange = Literal[
    "response.reasoning_summary_part.added", "response.reasoning_summary_part.done"
]


class NumberedEvent(Reply):
    """What all events have."""

    sequence_number: Count
    """The first is 0; `starting_after` takes one."""


class OutputEvent(NumberedEvent):
    """What events of one item have."""

    output_index: Count
    """The item's place in `output`."""


class ItemEvent(OutputEvent):
    """What events inside one item have."""

    item_id: str


class PartEvent(ItemEvent):
    """What events of one part of an item's content have."""

    content_index: Literal[0]
    """Items have one part."""


class SummaryEvent(ItemEvent):
    """What events of a summary have."""

    summary_index: Literal[0]


class ResponseChanged(NumberedEvent):
    """The response as a whole. One of the last three ends the stream."""

    type: ResponseChange
    response: Response


class ItemChanged(OutputEvent):
    """An item begins, or is whole."""

    type: ItemChange
    item: OutputItem


class PartChanged(PartEvent):
    """A part begins, still empty, or is whole."""

    type: PartChange
    part: Annotated[OutputText | ReasoningText, Field(discriminator="type")]


class OutputTextDelta(PartEvent):
    """The next piece of a message."""

    type: Literal["response.output_text.delta"]
    delta: str
    logprobs: list[TokenLogprobs]
    """Of its tokens, if they were asked for."""


class OutputTextDone(PartEvent):
    """A message is whole."""

    type: Literal["response.output_text.done"]
    text: str
    logprobs: list[TokenLogprobs]
    """Of its tokens, if they were asked for."""


class ReasoningTextDelta(PartEvent):
    """The next piece of the chain of thought."""

    type: Literal["response.reasoning_text.delta"]
    delta: str


class ReasoningTextDone(PartEvent):
    """The chain of thought is whole."""

    type: Literal["response.reasoning_text.done"]
    text: str


class SummaryPartChanged(SummaryEvent):
    """A summary begins, still empty, or is whole."""

    type: SummaryPartChange
    part: SummaryText


class SummaryTextDelta(SummaryEvent):
    """The next piece of a summary."""

    type: Literal["response.reasoning_summary_text.delta"]
    delta: str


class SummaryTextDone(SummaryEvent):
    """A summary is whole."""

    type: Literal["response.reasoning_summary_text.done"]
    text: str


class ArgumentsDelta(ItemEvent):
    """The next piece of a call's arguments."""

    type: Literal["response.function_call_arguments.delta"]
    delta: str


class ArgumentsDone(ItemEvent):
    """A call's arguments are whole."""

    type: Literal["response.function_call_arguments.done"]
    name: str
    arguments: str


class CustomInputDelta(ItemEvent):
    """The next piece of what a custom tool is called with."""

    type: Literal["response.custom_tool_call_input.delta"]
    delta: str


class CustomInputDone(ItemEvent):
    """What a custom tool is called with is whole."""

    type: Literal["response.custom_tool_call_input.done"]
    input: str


class CommandEvent(OutputEvent):
    """What events of a command of a `shell_call` have."""

    command_index: Count


class CommandChanged(CommandEvent):
    """A command begins, still empty, or is whole."""

    type: Literal["response.shell_call_command.added", "response.shell_call_command.done"]
    command: str


class CommandDelta(CommandEvent):
    """The next piece of a command."""

    type: Literal["response.shell_call_command.delta"]
    delta: str


class Progress(NumberedEvent):
    """How much of the prompt is read, with `return_progress`. Our extension."""

    type: Literal["response.gptoss.progress"]
    processed: Count
    """Tokens that are read."""
    total: Count
    """Tokens of the prompt."""


class ResponseError(NumberedEvent):
    """What went wrong; `response.failed` follows."""

    type: Literal["error"]
    code: str
    """As in an error's `code`, or `server_error`, `rate_limit_exceeded`, `invalid_prompt`."""
    message: str
    param: str | None
    """Which field of the request is wrong, where it is one."""


ResponseEvent = TypeAliasType(
    "ResponseEvent",
    Annotated[
        ResponseChanged
        | ItemChanged
        | PartChanged
        | OutputTextDelta
        | OutputTextDone
        | ReasoningTextDelta
        | ReasoningTextDone
        | SummaryPartChanged
        | SummaryTextDelta
        | SummaryTextDone
        | ArgumentsDelta
        | ArgumentsDone
        | CustomInputDelta
        | CustomInputDone
        | CommandChanged
        | CommandDelta
        | Progress
        | ResponseError,
        Field(discriminator="type"),
    ],
)
