"""Calls of the operator's functions: as the model reads them, as a response grows by them, and who has allowed them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from gptoss.chat.reply import CallRecord
from gptoss.errors import shown
from gptoss.harmony import Channel, Message, Role
from gptoss.server.responses.items import Unplaced
from gptoss.server.responses.types.calls import MOST_ID_CHARACTERS
from gptoss.server.responses.types.items import AnyItem
from gptoss.server.responses.types.mcp_calls import (
    LABEL,
    McpApprovalRequest,
    McpApprovalResponse,
    McpArgumentsDelta,
    McpArgumentsDone,
    McpCall,
    McpCallChanged,
    McpFailure,
    McpProtocolFailure,
    McpStatus,
)
from gptoss.server.shared.ids import new_id
from gptoss.server.wire_errors import ApiError
from gptoss.tools import FUNCTIONS, ApprovalRequest, Decision, Tool, digest_of

_JSON = "<|constrain|>json"
_PREFIX = "mcpr_"
# Of a digest, enough that nobody finds another call with the same.
_DIGEST_CHARACTERS = 32
UNDECIDED = "error: nobody has decided whether the call may run. Nothing was done."
_NOT_SENT = "(the output of this call was not sent back)"


def mcp_message(call: McpCall | McpApprovalRequest) -> Message:
    """A call as the model wrote it."""
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


def approval_item(request: ApprovalRequest) -> McpApprovalRequest:
    """The item that asks for a call. Its id holds what it is bound to: tool, definition and arguments."""
    return McpApprovalRequest(
        id=f"{_PREFIX}{request.digest[:_DIGEST_CHARACTERS]}{new_id('')}",
        type="mcp_approval_request",
        server_label=LABEL,
        name=request.recipient.removeprefix(f"{FUNCTIONS}."),
        arguments=request.arguments,
    )


def decisions_of(items: Sequence[AnyItem], tools: Mapping[str, Tool]) -> dict[str, Decision]:
    """What people have decided, by the digest of the call; a call whose tool has changed since is asked for again.

    Raises ApiError for a decision about what was not asked for.
    """
    asked = {item.id: item for item in items if isinstance(item, McpApprovalRequest)}
    found: dict[str, Decision] = {}
    for item in items:
        if not isinstance(item, McpApprovalResponse):
            continue
        request = asked.get(item.approval_request_id)
        if request is None:
            got = shown(item.approval_request_id, MOST_ID_CHARACTERS)
            raise ApiError(
                400,
                f"got a decision about {got}, but no mcp_approval_request with that id stands before it; send it too, "
                "or previous_response_id",
                param="input",
            )
        tool = tools.get(f"{FUNCTIONS}.{request.name}")
        if tool is None:
            continue
        digest = digest_of(tool, mcp_message(request).text)
        if request.id.startswith(f"{_PREFIX}{digest[:_DIGEST_CHARACTERS]}"):
            found[digest] = Decision(item.approve, item.reason)
    return found


def requests_of(items: Sequence[AnyItem]) -> dict[tuple[str, str], str]:
    """Ids of the items that asked for calls, by the calls' name and arguments; of several, the last one's."""
    return {
        (item.name, mcp_message(item).text): item.id
        for item in items
        if isinstance(item, McpApprovalRequest)
    }


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
