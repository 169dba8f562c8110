"""Calls of the operator's functions: as the model reads them, as a response grows by them, and who has allowed them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial

from gptoss.chat.reply import CallRecord
from gptoss.harmony import Channel, Message, Role
from gptoss.server.hosted.declared import LABEL
from gptoss.server.responses.call_facts import facts_of
from gptoss.server.responses.code_call import python_message
from gptoss.server.responses.items import Unplaced
from gptoss.server.responses.types.mcp_calls import (
    PYTHON_LABEL,
    McpApprovalRequest,
    McpArgumentsDelta,
    McpArgumentsDone,
    McpCall,
    McpCallChanged,
    McpFailure,
    McpProtocolFailure,
    McpStatus,
)
from gptoss.server.shared.ids import new_id
from gptoss.tools import FUNCTIONS

_JSON = "<|constrain|>json"
_NOT_SENT = "(the output of this call was not sent back)"


def mcp_message(call: McpCall | McpApprovalRequest) -> Message:
    """A call as the model wrote it."""
    if isinstance(call, McpApprovalRequest) and call.server_label == PYTHON_LABEL:
        return python_message(_code_of(call.arguments))
    recipient = f"{FUNCTIONS}.{call.name}"
    arguments = call.arguments if call.arguments.strip() else "{}"
    return Message(Role.ASSISTANT, arguments, Channel.COMMENTARY, recipient, _JSON)


def mcp_output(call: McpCall) -> str:
    """Its result as the model reads it."""
    if call.output is not None:
        return call.output
    match call.error:
        case McpFailure(content=content):
            return str(content)
        case McpProtocolFailure(message=message):
            return f"error: {message}"
    return _NOT_SENT


def _code_of(arguments: str) -> str:
    """The code of a request for Python. It came back from a client, who may have sent anything."""
    try:
        found = json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments
    code = found.get("code") if isinstance(found, dict) else None
    return code if isinstance(code, str) else arguments


class OpenMcpCall:
    """A call of a function that is run. It is told when it is run: half a call is none."""

    def __init__(self, name: str, approval_id: str | None) -> None:
        self.id = new_id("mcp_")
        self._name = name
        self._approval_id = approval_id
        self._texts: list[str] = []
        self._record: CallRecord | None = None

    @property
    def status(self) -> McpStatus:
        """How it ended; `incomplete` where it was not run."""
        if self._record is None:
            return "incomplete"
        return "failed" if self._record.result.is_error else "completed"

    def item(self, status: McpStatus) -> McpCall:
        """The item so far."""
        record = self._record
        is_error = record is not None and record.result.is_error
        return McpCall(
            id=self.id,
            type="mcp_call",
            status=status,
            server_label=LABEL,
            name=self._name,
            arguments="".join(self._texts),
            output=None if record is None or is_error else record.told,
            error=McpFailure(type="mcp_tool_execution_error", content=record.told)
            if record is not None and is_error
            else None,
            approval_request_id=self._approval_id,
            gptoss=None if record is None else facts_of(record),
        )

    def ended(self) -> McpCall:
        """The item, however it has ended."""
        return self.item(self.status)

    def begin(self) -> Unplaced:
        """The event after `response.output_item.added`."""
        return partial(McpCallChanged, type="response.mcp_call.in_progress")

    def feed(self, text: str) -> Iterator[Unplaced]:
        """Its arguments."""
        self._texts.append(text)
        yield partial(McpArgumentsDelta, type="response.mcp_call_arguments.delta", delta=text)

    def end(self) -> Iterator[Unplaced]:
        """The event when its arguments are whole."""
        yield partial(
            McpArgumentsDone,
            type="response.mcp_call_arguments.done",
            arguments="".join(self._texts),
        )

    def finish(self, record: CallRecord) -> Unplaced:
        """The event when it has run; the result is in the item from now on."""
        self._record = record
        if record.result.is_error:
            return partial(McpCallChanged, type="response.mcp_call.failed")
        return partial(McpCallChanged, type="response.mcp_call.completed")


class HeldCall:
    """A call of a function that is being written: it is told when it is run."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._texts: list[str] = []

    @property
    def arguments(self) -> str:
        """As far as they are written."""
        return "".join(self._texts)

    def add(self, text: str) -> None:
        """More of its arguments."""
        self._texts.append(text)
