"""`code_interpreter` in the Responses API: the tool, its calls, and the events of a call."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gptoss.chat.types.tools import CALLER
from gptoss.forms import Kinds
from gptoss.server.exchanged import Exchanged, IfNull, Maybe, OrElse
from gptoss.server.hosted.declared import AutoContainer
from gptoss.server.replies import ABSENT, Count, Reply
from gptoss.server.responses.types.call_facts import CallFacts
from gptoss.server.responses.types.calls import ItemId


class DeclaredCodeInterpreter(Reply):
    """Python that the server runs for the model."""

    type: Literal["code_interpreter"]
    container: str | AutoContainer = ABSENT
    """As the request has it."""


class CodeLogs(Exchanged):
    """What a call printed, as the model has read it."""

    type: Literal["logs"]
    logs: str


class CodeImage(Exchanged):
    """A picture that a call made."""

    type: Literal["image"]
    url: str
    """A `data:` URL."""


_CALL_UNREAD = {"caller": CALLER}
CodeStatus = Literal["in_progress", "interpreting", "completed", "incomplete", "failed"]


class CodeInterpreterCall(Exchanged):
    """A call of Python, and what came of it."""

    unread = _CALL_UNREAD

    id: ItemId
    type: Literal["code_interpreter_call"]
    status: Annotated[CodeStatus, OrElse("completed")]
    code: Annotated[str, IfNull("")]
    """As far as it is, while it is written."""
    container_id: Annotated[str, IfNull("")]
    outputs: list[Annotated[CodeLogs | CodeImage, Kinds("type")]] | None = None
    """Null before it has run. Pictures only if `include` asked for them."""
    approval_request_id: Maybe[str] = ABSENT
    """Of the item that asked for it, where one did. Our extension."""
    gptoss: Maybe[CallFacts] = ABSENT
    """Once it has run. Our extension."""


class CodeCallChanged(Reply):
    """A call begins, runs, or has run."""

    type: Literal[
        "response.code_interpreter_call.in_progress",
        "response.code_interpreter_call.interpreting",
        "response.code_interpreter_call.completed",
    ]
    item_id: str
    output_index: Annotated[Count, Field(description="The item's place in `output`.")]
    sequence_number: Count


class CodeDelta(Reply):
    """The next piece of a call's code."""

    type: Literal["response.code_interpreter_call_code.delta"]
    delta: str
    item_id: str
    output_index: Annotated[Count, Field(description="The item's place in `output`.")]
    sequence_number: Count


class CodeDone(Reply):
    """A call's code is whole."""

    type: Literal["response.code_interpreter_call_code.done"]
    code: str
    item_id: str
    output_index: Annotated[Count, Field(description="The item's place in `output`.")]
    sequence_number: Count
