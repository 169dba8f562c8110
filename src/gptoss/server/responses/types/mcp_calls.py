"""Functions of the server's operator, which the Responses API has as an MCP server's: the tool, items and events."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from gptoss.chat.types.tools import CALLER
from gptoss.chat.types.words import WORD
from gptoss.forms import Kinds
from gptoss.server.exchanged import Exchanged, IfNull, Maybe, OrElse
from gptoss.server.hosted.declared import LABEL, ApprovalFilter, ToolFilter
from gptoss.server.replies import ABSENT, Count, Reply
from gptoss.server.responses.types.call_facts import CallFacts
from gptoss.server.responses.types.calls import ItemId

# Harmony says what is wrong with a name.
_Name = Annotated[str, Field(min_length=1), WithJsonSchema(WORD, mode="validation")]
# In place of a label, where a call of Python waits for a person.
PYTHON_LABEL = "code_interpreter"


class DeclaredMcp(Reply):
    """Functions of the server's operator."""

    type: Literal["mcp"]
    server_label: Literal["gptoss"]
    allowed_tools: list[str] | ToolFilter = ABSENT
    """As the request has it."""
    require_approval: Literal["always", "never"] | ApprovalFilter = ABSENT
    """As the request has it."""


class McpFailure(Exchanged):
    """What a call failed with, as the model has read it."""

    type: Literal["mcp_tool_execution_error"]
    content: Any


class McpProtocolFailure(Exchanged):
    """What a call of another vendor's server failed with, in an item that comes back."""

    type: Literal["mcp_protocol_error", "http_error"]
    code: int
    message: str


_CALL_UNREAD = {"caller": CALLER}
McpStatus = Literal["in_progress", "calling", "completed", "incomplete", "failed"]


class McpCall(Exchanged):
    """A call of an operator's function, and what came of it."""

    unread = _CALL_UNREAD

    id: ItemId
    type: Literal["mcp_call"]
    status: Annotated[McpStatus, OrElse("completed")]
    server_label: Annotated[str, IfNull(LABEL)]
    name: _Name
    arguments: Annotated[str, IfNull("")]
    output: str | None = None
    """Null before it has run, and where it failed."""
    error: Annotated[McpFailure | McpProtocolFailure, Kinds("type")] | None = None
    approval_request_id: str | None = None
    """Of the item that asked for it, where one did."""
    gptoss: Maybe[CallFacts] = ABSENT
    """Once it has run. Our extension."""


class McpApprovalRequest(Exchanged):
    """A call that waits for a person. The response has ended; an `mcp_approval_response` goes on with it.

    Of Python, the label is `code_interpreter`, and the arguments are an object with `code`.
    """

    id: ItemId
    type: Literal["mcp_approval_request"]
    server_label: Annotated[str, IfNull(LABEL)]
    name: _Name
    arguments: Annotated[str, IfNull("")]


class McpApprovalResponse(Exchanged):
    """A person's decision. The request stands before it."""

    id: ItemId
    type: Literal["mcp_approval_response"]
    approval_request_id: str
    approve: bool
    reason: str | None = None
    """Is told to the model where the call is denied."""


class McpCallChanged(Reply):
    """A call begins, or has run."""

    type: Literal[
        "response.mcp_call.in_progress", "response.mcp_call.completed", "response.mcp_call.failed"
    ]
    item_id: str
    output_index: Annotated[Count, Field(description="The item's place in `output`.")]
    sequence_number: Count


class McpArgumentsDelta(Reply):
    """A call's arguments: all of them, since a call is told when it is run."""

    type: Literal["response.mcp_call_arguments.delta"]
    delta: str
    item_id: str
    output_index: Annotated[Count, Field(description="The item's place in `output`.")]
    sequence_number: Count


class McpArgumentsDone(Reply):
    """A call's arguments are whole."""

    type: Literal["response.mcp_call_arguments.done"]
    arguments: str
    item_id: str
    output_index: Annotated[Count, Field(description="The item's place in `output`.")]
    sequence_number: Count
