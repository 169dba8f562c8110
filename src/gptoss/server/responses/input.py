"""Input items of the Responses API: as they are kept, and as the model's conversation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from gptoss.chat.blocks import Block, Blocks
from gptoss.chat.tools import ToolSet
from gptoss.errors import shown
from gptoss.harmony import Channel, DeveloperContent, Message, Role
from gptoss.server.replies import in_order
from gptoss.server.responses.call_items import (
    CALLS,
    OUTPUTS,
    call_message,
    output_text,
    read_call,
    read_output,
)
from gptoss.server.responses.items import text_part
from gptoss.server.responses.store import KeptItem
from gptoss.server.responses.text import joined, text_of, wrong
from gptoss.server.responses.types.calls import Call, InputText, LocalShellCall
from gptoss.server.responses.types.items import (
    AnyItem,
    InputMessage,
    OutputMessage,
    ReasoningItem,
    ReasoningText,
    SummaryText,
    item_of,
)
from gptoss.server.shared.ids import new_id
from gptoss.server.wire_errors import ApiError

_PHASES = ("commentary", "final_answer")
_MAX_ID_CHARACTERS = 200
_KINDS = ", ".join(("message", "reasoning", "item_reference", *CALLS, *OUTPUTS))


class InputReader:
    """Reads a request's input into items of one form. Raises ApiError for what is no item, with its place.

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

    def read(self, given: str | Sequence[object]) -> list[KeptItem]:
        """The items of an input."""
        if isinstance(given, str):
            given = [{"role": "user", "content": given}]
        return [self._item(item, f"input[{index}]") for index, item in enumerate(given)]

    def _item(self, item: object, where: str) -> KeptItem:
        if not isinstance(item, Mapping):
            raise wrong(where, "an item: an object", item)
        kind = item.get("type")
        if kind is None:
            kind = "message" if "role" in item else "item_reference"
        made: AnyItem
        match kind:
            case "message":
                made = _message(item, where)
            case str() if kind in CALLS:
                made = read_call(item, where)
            case str() if kind in OUTPUTS:
                made = read_output(item, where)
                if kind == "local_shell_call_output" and item.get("call_id") is None:
                    # Its id is the call's, which is told already.
                    return _kept(made)
            case "reasoning":
                made = self._reasoning(item, where)
            case "item_reference":
                return self._referenced(item, where)
            case _:
                raise ApiError(
                    400,
                    f"got an item of the type {shown(kind)} in {where}, wanted {_KINDS}",
                    param=where,
                )
        made.id = self._id(item, where, made.id)
        return _kept(made)

    def _id(self, item: Mapping[str, object], where: str, made: str) -> str:
        given = item.get("id")
        if given is None or given == "":
            return made
        if not isinstance(given, str) or len(given) > _MAX_ID_CHARACTERS:
            raise wrong(f"{where}.id", f"text of at most {_MAX_ID_CHARACTERS} characters", given)
        return self._claimed(given, where)

    def _claimed(self, item_id: str, where: str) -> str:
        if item_id in self._ids:
            raise ApiError(
                400,
                f"got the item {shown(item_id, _MAX_ID_CHARACTERS)} a second time in {where}; "
                "items of previous_response_id are there already",
                param=where,
                code="duplicate_item",
            )
        self._ids.add(item_id)
        return item_id

    def _referenced(self, item: Mapping[str, object], where: str) -> KeptItem:
        item_id = item.get("id")
        if not isinstance(item_id, str):
            raise wrong(f"{where}.id", "the id of an item", item_id)
        found = self._find(item_id)
        if found is None:
            raise ApiError(
                404,
                f"got a reference to the item {item_id[:_MAX_ID_CHARACTERS]!r} in {where}, which is not kept here; "
                "send the item itself",
                param=where,
                code="item_not_found",
            )
        self._claimed(item_id, where)
        return found

    def _reasoning(self, item: Mapping[str, object], where: str) -> ReasoningItem:
        """Its text, open or sealed; a summary alone says nothing of the thoughts, and is kept without effect."""
        content = item.get("content")
        text = text_of(content, f"{where}.content") if content is not None else ""
        sealed = item.get("encrypted_content")
        if sealed is not None:
            if not isinstance(sealed, str):
                raise wrong(f"{where}.encrypted_content", "text", sealed)
            text = self._open_sealed(sealed, f"{where}.encrypted_content")
        summary = item.get("summary")
        made = in_order(
            ReasoningItem,
            id=new_id("rs_"),
            type="reasoning",
            summary=[]
            if summary in (None, "", [])
            else [
                in_order(
                    SummaryText, type="summary_text", text=text_of(summary, f"{where}.summary")
                )
            ],
            content=[in_order(ReasoningText, type="reasoning_text", text=text)] if text else [],
            status="completed",
        )
        if sealed is not None:
            made.encrypted_content = sealed
        return made


def _message(item: Mapping[str, object], where: str) -> InputMessage | OutputMessage:
    role: Any = item.get("role")
    if role not in ("user", "system", "developer", "assistant"):
        raise wrong(f"{where}.role", "user, assistant, system or developer", role)
    text = text_of(item.get("content"), f"{where}.content")
    if role != "assistant":
        return in_order(
            InputMessage,
            id=new_id("msg_"),
            type="message",
            role=role,
            status="completed",
            content=[in_order(InputText, type="input_text", text=text)],
        )
    phase: Any = item.get("phase")
    if phase is not None and phase not in _PHASES:
        raise wrong(f"{where}.phase", " or ".join(_PHASES), phase)
    return in_order(
        OutputMessage,
        id=new_id("msg_"),
        type="message",
        role=role,
        status="completed",
        content=[text_part(text, [])],
        phase=phase,
    )


def _kept(item: AnyItem) -> KeptItem:
    return KeptItem(item.id, item.written().decode())


def blocks_of(kept: Sequence[KeptItem], tools: ToolSet) -> list[Block]:
    """The conversation in blocks that are kept or dropped as one: a tool's result stands behind its call.

    tools  that the request declares

    Raises ApiError for a result of a call that is not there.
    """
    items = [item_of(each.text) for each in kept]
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
                        f"got the output of the call {shown(item.call_id, _MAX_ID_CHARACTERS)}, but no "
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
