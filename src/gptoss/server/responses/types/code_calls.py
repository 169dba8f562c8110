"""`code_interpreter` in the Responses API: the tool, its calls, and the events of a call."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gptoss.chat.types.choices import KindAlone
from gptoss.chat.types.tools import CALLER, TOOL_UNREAD
from gptoss.forms import Form, Ignored, Kinds, unless
from gptoss.server.exchanged import Exchanged, IfNull, OrElse
from gptoss.server.replies import ABSENT, Count, Reply
from gptoss.server.responses.types.calls import ItemId

_AUTO_UNREAD = {
    "memory_limit": Ignored("the operator's limits hold"),
    "network_policy": Ignored("a container has no network", unless({"type": "disabled"})),
}


class AutoContainer(Form):
    """A container that is made, or the one of the conversation's last call."""

    unread = _AUTO_UNREAD

    type: Literal["auto"]
    file_ids: list[str] | None = None
    """Files that are put into it."""


class CodeInterpreterTool(Form):
    """Python that the server runs for the model, in a container, if it runs any (`--tools python`)."""

    unread = TOOL_UNREAD

    type: Literal["code_interpreter"]
    container: str | AutoContainer | None = None
    """A container's id, or how one is made."""


class CodeInterpreterChoice(KindAlone):
    """That Python is called."""

    type: Literal["code_interpreter"]


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
