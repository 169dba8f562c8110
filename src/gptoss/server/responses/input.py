"""Input items of the Responses API: as they are kept, and as the model's conversation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from gptoss.chat.blocks import Block, Blocks
from gptoss.errors import shown
from gptoss.harmony import PYTHON, Channel, DeveloperContent, Message, Role
from gptoss.server.client_tools import CLIENT_CALLS
from gptoss.server.responses.approvals import approvals_of
from gptoss.server.responses.call_items import call_message, output_text
from gptoss.server.responses.code_call import code_message, code_output
from gptoss.server.responses.mcp_call import mcp_message, mcp_output
from gptoss.server.responses.store import KeptItem
from gptoss.server.responses.types.calls import (
    MOST_ID_CHARACTERS,
    ApplyPatchCallOutput,
    Call,
    CustomToolCall,
    FunctionCall,
    LocalShellCall,
)
from gptoss.server.responses.types.code_calls import CodeInterpreterCall
from gptoss.server.responses.types.items import (
    AdditionalTools,
    AnyItem,
    InputItem,
    InputMessage,
    ItemReference,
    OutputMessage,
    ReasoningItem,
)
from gptoss.server.responses.types.mcp_calls import (
    McpApprovalRequest,
    McpApprovalResponse,
    McpCall,
)
from gptoss.server.responses.types.texts import InputText, ReasoningText, joined
from gptoss.server.shared.ids import new_id
from gptoss.server.wire_errors import ApiError
from gptoss.tools import ToolSet

_CALL_PREFIXES = {
    "function_call": "fc_",
    "custom_tool_call": "ctc_",
    **{kind: tool.id_prefix for kind, tool in CLIENT_CALLS.items()},
}
_ID_PREFIXES = {
    "message": "msg_",
    "reasoning": "rs_",
    "additional_tools": "at_",
    "code_interpreter_call": "ci_",
    "mcp_call": "mcp_",
    "mcp_approval_request": "mcpr_",
    "mcp_approval_response": "mcprr_",
    **_CALL_PREFIXES,
    **{f"{kind}_output": f"{prefix[:-1]}o_" for kind, prefix in _CALL_PREFIXES.items()},
}

# Or with one that says more than whether they are whole.
_WITHOUT_STATUS = (
    ApplyPatchCallOutput,
    AdditionalTools,
    CodeInterpreterCall,
    McpCall,
    McpApprovalRequest,
    McpApprovalResponse,
)


class InputReader:
    """Reads a request's input into items that can be kept. Raises ApiError for what cannot be had, with its place.

    find    an item that is kept, by its id
    open_sealed  the text of what the server has sealed for this owner; None for what it has not
    taken   ids of the items that stand before the input
    """

    def __init__(
        self,
        find: Callable[[str], KeptItem | None],
        open_sealed: Callable[[str], str | None],
        taken: Iterable[str] = (),
    ) -> None:
        self._find = find
        self._open_sealed = open_sealed
        self._ids = set(taken)
        self._dropped: str | None = None

    @property
    def ignored(self) -> tuple[str, ...]:
        """The place of the first thought that could not be opened, and was not needed."""
        return () if self._dropped is None else (self._dropped,)

    def read(self, given: str | Sequence[InputItem]) -> list[KeptItem]:
        """The items of an input, which are completed: they get ids, thoughts are opened."""
        items = [_said_by_user(given)] if isinstance(given, str) else given
        return [
            self._item(item, f"input.{index}", is_last=index == len(items) - 1)
            for index, item in enumerate(items)
        ]

    def _item(self, item: AnyItem | ItemReference, where: str, *, is_last: bool) -> KeptItem:
        if isinstance(item, ItemReference):
            return self._referenced(item.id, where)
        if item.id:
            self._claim(item.id, where)
        else:
            item.id = new_id(_ID_PREFIXES[item.type])
        if not isinstance(item, _WITHOUT_STATUS):
            item.status = "completed"
        if isinstance(item, FunctionCall | CustomToolCall) and not item.name:
            place = f"{where}.name"
            raise ApiError(400, f"{place}: got '', wanted the name of a tool", param=place)
        if isinstance(item, ReasoningItem) and item.encrypted_content is not None:
            self._open(item, f"{where}.encrypted_content", is_last=is_last)
        return KeptItem(item.id, item)

    def _open(self, item: ReasoningItem, where: str, *, is_last: bool) -> None:
        """Put the sealed text into a thought.

        One of another server, of another key or of an earlier start is not needed where its text stands beside it, or
        what came of it behind it; it is dropped.
        """
        sealed = item.encrypted_content or ""
        text = self._open_sealed(sealed)
        if text is not None:
            item.content = [ReasoningText(type="reasoning_text", text=text)] if text else []
            return
        if sealed and is_last and not item.content:
            raise ApiError(
                400,
                f"got encrypted_content in {where} that this server has not made for this key, or that was changed; "
                "send it as it was received, or leave the item out",
                param=where,
                code="invalid_encrypted_content",
            )
        item.encrypted_content = None
        if sealed and self._dropped is None:
            self._dropped = where

    def _claim(self, item_id: str, where: str) -> None:
        if item_id in self._ids:
            raise ApiError(
                400,
                f"got the item {shown(item_id, MOST_ID_CHARACTERS)} a second time in {where}; "
                "items of previous_response_id are there already",
                param=where,
                code="duplicate_item",
            )
        self._ids.add(item_id)

    def _referenced(self, item_id: str, where: str) -> KeptItem:
        found = self._find(item_id)
        if found is None:
            raise ApiError(
                404,
                f"got a reference to the item {item_id[:MOST_ID_CHARACTERS]!r} in {where}, which is not kept here; "
                "send the item itself",
                param=where,
                code="item_not_found",
            )
        self._claim(item_id, where)
        return found


def _said_by_user(text: str) -> InputMessage:
    return InputMessage(
        id="",
        type="message",
        role="user",
        status="completed",
        content=[InputText(type="input_text", text=text)],
    )


def blocks_of(items: Sequence[AnyItem], tools: ToolSet) -> list[Block]:
    """The conversation in blocks that are kept or dropped as one: a tool's result stands behind its call.

    tools  that the request declares

    Raises ApiError for a result of a call that is not there, and as `approvals_of`.
    """
    made = Blocks()
    approvals = approvals_of(items)
    asked_for = _asked_for(items)
    items = [item for index, item in enumerate(items) if index not in asked_for]
    for item, leads_to_call in zip(items, _leading_to_calls(items), strict=True):
        match item:
            case InputMessage() | OutputMessage():
                made.say(_said(item, leads_to_call=leads_to_call))
            case AdditionalTools():
                pass
            case ReasoningItem():
                if text := joined(item.content):
                    made.say(Message(Role.ASSISTANT, text, Channel.ANALYSIS))
            case CodeInterpreterCall():
                made.call(code_message(item), item.id)
                made.result(item.id, code_output(item))
            case McpCall():
                made.call(mcp_message(item), item.id)
                made.result(item.id, mcp_output(item))
            case McpApprovalRequest():
                if item.id not in approvals.settled:
                    made.call(mcp_message(item), item.id)
                    if (told := approvals.told(item)) is not None:
                        made.result(item.id, told)
            case McpApprovalResponse():
                pass
            case _ if isinstance(item, Call):
                more = (item.id,) if isinstance(item, LocalShellCall) else ()
                made.call(call_message(item, tools), item.call_id, *more)
            case _:
                if not made.result(item.call_id, output_text(item)):
                    raise ApiError(
                        400,
                        f"got the output of the call {shown(item.call_id, MOST_ID_CHARACTERS)}, but no "
                        "call with that call_id stands before it; send it too, or previous_response_id",
                        param="input",
                    )
    return made.blocks


def _asked_for(items: Sequence[AnyItem]) -> set[int]:
    """Places of calls of Python that were written, and then asked for: the request behind them stands for them.

    They are behind another one that waits, when their own items have begun.
    """
    found: set[int] = set()
    asked: Counter[str] = Counter()
    for index in range(len(items) - 1, -1, -1):
        item = items[index]
        if isinstance(item, McpApprovalRequest):
            call = mcp_message(item)
            asked[call.text] += call.recipient == PYTHON.name
        elif not isinstance(item, CodeInterpreterCall) or item.outputs is not None:
            asked.clear()
        elif asked[item.code] > 0:
            asked[item.code] -= 1
            found.add(index)
    return found


def _leading_to_calls(items: Sequence[AnyItem]) -> list[bool]:
    """For each item whether a call is the next thing after it, but for thoughts."""
    found = []
    is_call = False
    for item in reversed(items):
        found.append(is_call)
        if not isinstance(item, ReasoningItem):
            is_call = isinstance(item, Call | CodeInterpreterCall | McpCall | McpApprovalRequest)
    return found[::-1]


def _said(item: InputMessage | OutputMessage, *, leads_to_call: bool) -> Message:
    text = joined(item.content)
    if isinstance(item, OutputMessage):
        phase = item.phase or ("commentary" if leads_to_call else "final_answer")
        channel = Channel.COMMENTARY if phase == "commentary" else Channel.FINAL
        return Message(Role.ASSISTANT, text, channel)
    if item.role == "user":
        return Message(Role.USER, text)
    return Message(Role.DEVELOPER, DeveloperContent(text))
