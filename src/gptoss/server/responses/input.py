"""Input items of the Responses API: as they are kept, and as the model's conversation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from gptoss.chat.blocks import Block, Blocks
from gptoss.chat.tools import ToolSet
from gptoss.errors import shown
from gptoss.harmony import Channel, DeveloperContent, Message, Role
from gptoss.server.client_tools import CLIENT_CALLS
from gptoss.server.responses.call_items import call_message, output_text
from gptoss.server.responses.store import KeptItem
from gptoss.server.responses.types.calls import (
    MOST_ID_CHARACTERS,
    ApplyPatchCallOutput,
    Call,
    LocalShellCall,
)
from gptoss.server.responses.types.items import (
    AnyItem,
    InputItem,
    InputMessage,
    ItemReference,
    OutputMessage,
    ReasoningItem,
)
from gptoss.server.responses.types.texts import InputText, ReasoningText, joined
from gptoss.server.shared.ids import new_id
from gptoss.server.wire_errors import ApiError

_CALL_PREFIXES = {
    "function_call": "fc_",
    "custom_tool_call": "ctc_",
    **{kind: tool.id_prefix for kind, tool in CLIENT_CALLS.items()},
}
_ID_PREFIXES = {
    "message": "msg_",
    "reasoning": "rs_",
    **_CALL_PREFIXES,
    **{f"{kind}_output": f"{prefix[:-1]}o_" for kind, prefix in _CALL_PREFIXES.items()},
}


class InputReader:
    """Reads a request's input into items that can be kept. Raises ApiError for what cannot be had, with its place.

    find    an item that is kept, by its id
    open_sealed  the text of what the server has sealed for this owner, and the place that an error names
    taken   ids of the items that stand before the input
    """

    def __init__(
        self,
        find: Callable[[str], KeptItem | None],
        open_sealed: Callable[[str, str], str],
        taken: Iterable[str] = (),
    ) -> None:
        self._find = find
        self._open_sealed = open_sealed
        self._ids = set(taken)

    def read(self, given: str | Sequence[InputItem]) -> list[KeptItem]:
        """The items of an input, which are completed: they get ids, thoughts are opened."""
        items = [_said_by_user(given)] if isinstance(given, str) else given
        return [self._item(item, f"input.{index}") for index, item in enumerate(items)]

    def _item(self, item: AnyItem | ItemReference, where: str) -> KeptItem:
        if isinstance(item, ItemReference):
            return self._referenced(item.id, where)
        if item.id:
            self._claim(item.id, where)
        else:
            item.id = new_id(_ID_PREFIXES[item.type])
        if not isinstance(item, ApplyPatchCallOutput):
            item.status = "completed"
        if isinstance(item, ReasoningItem) and item.encrypted_content is not None:
            text = self._open_sealed(item.encrypted_content, f"{where}.encrypted_content")
            item.content = [ReasoningText(type="reasoning_text", text=text)] if text else []
        return KeptItem(item.id, item)

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


def blocks_of(kept: Sequence[KeptItem], tools: ToolSet) -> list[Block]:
    """The conversation in blocks that are kept or dropped as one: a tool's result stands behind its call.

    tools  that the request declares

    Raises ApiError for a result of a call that is not there.
    """
    items = [each.item for each in kept]
    made = Blocks()
    for item, leads_to_call in zip(items, _leading_to_calls(items), strict=True):
        match item:
            case InputMessage() | OutputMessage():
                made.say(_said(item, leads_to_call=leads_to_call))
            case ReasoningItem():
                if text := joined(item.content):
                    made.say(Message(Role.ASSISTANT, text, Channel.ANALYSIS))
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


def _leading_to_calls(items: Sequence[AnyItem]) -> list[bool]:
    """For each item whether a call is the next thing after it, but for thoughts."""
    found = []
    is_call = False
    for item in reversed(items):
        found.append(is_call)
        if not isinstance(item, ReasoningItem):
            is_call = isinstance(item, Call)
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
