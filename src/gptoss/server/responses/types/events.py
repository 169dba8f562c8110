"""The events of a response's stream, their fields in the order in which they are written."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypeAliasType

from gptoss.server.error_codes import ErrorCode
from gptoss.server.replies import Count, FullReply, Made, Reply
from gptoss.server.responses.types.call_facts import CallOutput
from gptoss.server.responses.types.code_calls import CodeCallChanged, CodeDelta, CodeDone
from gptoss.server.responses.types.items import OutputItem
from gptoss.server.responses.types.mcp_calls import (
    McpArgumentsDelta,
    McpArgumentsDone,
    McpCallChanged,
)
from gptoss.server.responses.types.response import Response
from gptoss.server.responses.types.texts import OutputText, ReasoningText, SummaryText
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
SequenceNumber = Annotated[Count, Field(description="The first is 0; `starting_after` takes one.")]
OutputIndex = Annotated[Count, Field(description="The item's place in `output`.")]
PartIndex = Annotated[Literal[0], Field(description="Items have one part.")]
Logprobs = Annotated[
    list[TokenLogprobs], Made(), Field(description="Of its tokens, if they were asked for.")
]


class ResponseChanged(Reply):
    """The response as a whole. One of the last three ends the stream."""

    type: ResponseChange
    response: Annotated[Response, Made()]
    sequence_number: SequenceNumber


class ItemChanged(Reply):
    """An item begins, or is whole."""

    type: ItemChange
    item: Annotated[OutputItem, Made()]
    output_index: OutputIndex
    sequence_number: SequenceNumber


class PartChanged(Reply):
    """A part begins, still empty, or is whole."""

    type: PartChange
    content_index: PartIndex
    part: Annotated[OutputText | ReasoningText, Field(discriminator="type"), Made()]
    item_id: str
    output_index: OutputIndex
    sequence_number: SequenceNumber


class OutputTextDelta(FullReply):
    """The next piece of a message."""

    type: Literal["response.output_text.delta"]
    content_index: PartIndex
    delta: str
    logprobs: Logprobs
    item_id: str
    output_index: OutputIndex
    sequence_number: SequenceNumber


class OutputTextDone(Reply):
    """A message is whole."""

    type: Literal["response.output_text.done"]
    content_index: PartIndex
    text: str
    logprobs: Logprobs
    item_id: str
    output_index: OutputIndex
    sequence_number: SequenceNumber


class ReasoningTextDelta(FullReply):
    """The next piece of the chain of thought."""

    type: Literal["response.reasoning_text.delta"]
    content_index: PartIndex
    delta: str
    item_id: str
    output_index: OutputIndex
    sequence_number: SequenceNumber


class ReasoningTextDone(Reply):
    """The chain of thought is whole."""

    type: Literal["response.reasoning_text.done"]
    content_index: PartIndex
    text: str
    item_id: str
    output_index: OutputIndex
    sequence_number: SequenceNumber


class SummaryPartChanged(Reply):
    """A summary begins, still empty, or is whole."""

    type: SummaryPartChange
    summary_index: Literal[0]
    part: Annotated[SummaryText, Made()]
    item_id: str
    output_index: OutputIndex
    sequence_number: SequenceNumber


class SummaryTextDelta(FullReply):
    """The next piece of a summary."""

    type: Literal["response.reasoning_summary_text.delta"]
    summary_index: Literal[0]
    delta: str
    item_id: str
    output_index: OutputIndex
    sequence_number: SequenceNumber


class SummaryTextDone(Reply):
    """A summary is whole."""

    type: Literal["response.reasoning_summary_text.done"]
    summary_index: Literal[0]
    text: str
    item_id: str
    output_index: OutputIndex
    sequence_number: SequenceNumber


class ArgumentsDelta(FullReply):
    """The next piece of a call's arguments."""

    type: Literal["response.function_call_arguments.delta"]
    delta: str
    item_id: str
    output_index: OutputIndex
    sequence_number: SequenceNumber


class ArgumentsDone(Reply):
    """A call's arguments are whole."""

    type: Literal["response.function_call_arguments.done"]
    name: str
    arguments: str
    item_id: str
    output_index: OutputIndex
    sequence_number: SequenceNumber


class CustomInputDelta(FullReply):
    """The next piece of what a custom tool is called with."""

    type: Literal["response.custom_tool_call_input.delta"]
    delta: str
    item_id: str
    output_index: OutputIndex
    sequence_number: SequenceNumber


class CustomInputDone(Reply):
    """What a custom tool is called with is whole."""

    type: Literal["response.custom_tool_call_input.done"]
    input: str
    item_id: str
    output_index: OutputIndex
    sequence_number: SequenceNumber


class CommandChanged(Reply):
    """A command begins, still empty, or is whole."""

    type: Literal["response.shell_call_command.added", "response.shell_call_command.done"]
    command_index: Count
    command: str
    output_index: OutputIndex
    sequence_number: SequenceNumber


class CommandDelta(FullReply):
    """The next piece of a command."""

    type: Literal["response.shell_call_command.delta"]
    command_index: Count
    delta: str
    output_index: OutputIndex
    sequence_number: SequenceNumber


class Progress(Reply):
    """How much of the prompt is read, with `return_progress`. Our extension."""

    type: Literal["response.gptoss.progress"]
    processed: Count
    """Tokens that are read."""
    total: Count
    """Tokens of the prompt."""
    sequence_number: SequenceNumber


class ResponseError(Reply):
    """What went wrong; `response.failed` follows."""

    type: Literal["error"]
    code: ErrorCode
    message: str
    param: str | None
    """Which field of the request is wrong, where it is one."""
    sequence_number: SequenceNumber


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
        | CodeCallChanged
        | CodeDelta
        | CodeDone
        | McpCallChanged
        | McpArgumentsDelta
        | McpArgumentsDone
        | CallOutput
        | Progress
        | ResponseError,
        Field(discriminator="type"),
    ],
)
