"""Input items of the Responses API: as they are kept, and as the model's conversation."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence

from gptoss.harmony import Channel, DeveloperContent, Message, Role
from gptoss.server.chat_reply import Json, new_id
from gptoss.server.responses_seal import Seal
from gptoss.server.responses_store import KeptItem
from gptoss.server.wire_errors import ApiError

# A message that is dropped for want of room takes with it what belongs to it.
Block = list[Message]

_TEXT_PARTS = ("input_text", "output_text", "text", "reasoning_text", "summary_text")
_PHASES = ("commentary", "final_answer")
_MAX_ID_CHARACTERS = 200
_KINDS = "message, function_call, function_call_output, reasoning, item_reference"
_JSON = "<|constrain|>json"


class InputReader:
    """Reads a request's input into items of one form. Raises ApiError for what is no item, with its place.

    find    an item that is kept, by its id
    seal    opens what the server has given away encrypted
    taken   ids of the items that stand before the input
    """

    def __init__(
        self, find: Callable[[str], KeptItem | None], seal: Seal, taken: Iterable[str] = ()
    ) -> None:
        self._find = find
        self._seal = seal
        self._ids = set(taken)

    def read(self, given: str | Sequence[object]) -> list[KeptItem]:
        """The items of an input."""
        if isinstance(given, str):
            given = [{"role": "user", "content": given}]
        return [self._item(item, f"input[{index}]") for index, item in enumerate(given)]

    def _item(self, item: object, where: str) -> KeptItem:
        if not isinstance(item, Mapping):
            raise _wrong(where, "an item: an object", item)
        kind = item.get("type") or ("message" if "role" in item else "item_reference")
        match kind:
            case "message":
                made = _message(item, where)
            case "function_call":
                made = _call(item, where)
            case "function_call_output":
                made = _result(item, where)
            case "reasoning":
                made = self._reasoning(item, where)
            case "item_reference":
                return self._referenced(item, where)
            case _:
                raise ApiError(
                    400,
                    f"got an item of the type {str(kind)[:100]!r} in {where}, wanted {_KINDS}",
                    param=where,
                )
        made["id"] = self._id(item, where, made["id"])
        return KeptItem(made)

    def _id(self, item: Mapping[str, object], where: str, made: object) -> str:
        given = item.get("id")
        if given is None or given == "":
            return str(made)
        if not isinstance(given, str) or len(given) > _MAX_ID_CHARACTERS:
            raise _wrong(f"{where}.id", f"text of at most {_MAX_ID_CHARACTERS} characters", given)
        return self._claimed(given, where)

    def _claimed(self, item_id: str, where: str) -> str:
        if item_id in self._ids:
            raise ApiError(
                400,
                f"got the item {item_id!r} a second time in {where}; items of previous_response_id are there already",
                param=where,
                code="duplicate_item",
            )
        self._ids.add(item_id)
        return item_id

    def _referenced(self, item: Mapping[str, object], where: str) -> KeptItem:
        item_id = item.get("id")
        if not isinstance(item_id, str):
            raise _wrong(f"{where}.id", "the id of an item", item_id)
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

    def _reasoning(self, item: Mapping[str, object], where: str) -> Json:
        """Its text, open or sealed; a summary alone says nothing of the thoughts, and is kept without effect."""
        content = item.get("content")
        text = _text(content, f"{where}.content") if content is not None else ""
        sealed = item.get("encrypted_content")
        if sealed is not None:
            if not isinstance(sealed, str):
                raise _wrong(f"{where}.encrypted_content", "text", sealed)
            text = self._seal.open(sealed, f"{where}.encrypted_content")
        summary = item.get("summary")
        made: Json = {
            "id": new_id("rs_"),
            "type": "reasoning",
            "summary": []
            if not summary
            else [{"type": "summary_text", "text": _text(summary, f"{where}.summary")}],
            "content": [{"type": "reasoning_text", "text": text}] if text else [],
            "status": "completed",
        }
        if sealed is not None:
            made["encrypted_content"] = sealed
        return made


def _message(item: Mapping[str, object], where: str) -> Json:
    role = item.get("role")
    if role not in ("user", "system", "developer", "assistant"):
        raise _wrong(f"{where}.role", "user, assistant, system or developer", role)
    text = _text(item.get("content"), f"{where}.content")
    made: Json = {"id": new_id("msg_"), "type": "message", "role": role, "status": "completed"}
    if role != "assistant":
        return {**made, "content": [{"type": "input_text", "text": text}]}
    phase = item.get("phase")
    if phase is not None and phase not in _PHASES:
        raise _wrong(f"{where}.phase", " or ".join(_PHASES), phase)
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {**made, "content": [part], "phase": phase}


def _call(item: Mapping[str, object], where: str) -> Json:
    return {
        "id": new_id("fc_"),
        "type": "function_call",
        "call_id": _string(item, "call_id", where),
        "name": _string(item, "name", where),
        "arguments": _string(item, "arguments", where),
        "status": "completed",
    }


def _result(item: Mapping[str, object], where: str) -> Json:
    output = item.get("output")
    text = _text(output, f"{where}.output")
    kept = text if isinstance(output, str) else [{"type": "input_text", "text": text}]
    return {
        "id": f"fco_{secrets.token_hex(12)}",
        "type": "function_call_output",
        "call_id": _string(item, "call_id", where),
        "output": kept,
        "status": "completed",
    }


def _string(item: Mapping[str, object], field: str, where: str) -> str:
    value = item.get(field)
    if not isinstance(value, str):
        raise _wrong(f"{where}.{field}", "text", value)
    return value


def _text(content: object, where: str) -> str:
    """Text, or text parts put together."""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        raise _wrong(where, "text or a list of parts", content)
    return "".join(_part(part, f"{where}[{index}]") for index, part in enumerate(content))


def _part(part: object, where: str) -> str:
    if not isinstance(part, Mapping):
        raise _wrong(where, "a part: an object", part)
    kind = part.get("type")
    if kind == "refusal":
        return _string(part, "refusal", where)
    if kind not in _TEXT_PARTS:
        raise ApiError(
            400,
            f"got a part of the type {str(kind)[:100]!r} in {where}, wanted text: the model reads no other",
            param=where,
        )
    return _string(part, "text", where)


def _wrong(where: str, wanted: str, value: object) -> ApiError:
    got = "nothing" if value is None else repr(value)[:100]
    return ApiError(400, f"got {got} as {where}, wanted {wanted}", param=where)


def blocks_of(items: Sequence[Json]) -> list[Block]:
    """The conversation in blocks that are kept or dropped as one: a tool's result stands behind its call.

    Raises ApiError for a result of a call that is not there.
    """
    blocks: list[Block] = []
    block_by_call_id: dict[object, Block] = {}
    for index, item in enumerate(items):
        match item["type"]:
            case "message":
                blocks.append([_said(item, leads_to_call=_leads_to_call(items[index + 1 :]))])
            case "reasoning":
                if text := _joined(item["content"]):
                    blocks.append([Message(Role.ASSISTANT, text, Channel.ANALYSIS)])
            case "function_call":
                recipient = f"functions.{item['name']}"
                arguments = str(item["arguments"])
                call = Message(Role.ASSISTANT, arguments, Channel.COMMENTARY, recipient, _JSON)
                block_by_call_id[item["call_id"]] = [call]
                blocks.append(block_by_call_id[item["call_id"]])
            case _:
                block = block_by_call_id.get(item["call_id"])
                if block is None:
                    raise ApiError(
                        400,
                        f"got the output of the call {str(item['call_id'])[:_MAX_ID_CHARACTERS]!r}, but no "
                        "function_call with that call_id stands before it; send it too, or previous_response_id",
                        param="input",
                    )
                name = block[0].recipient
                output = item["output"]
                text = output if isinstance(output, str) else _joined(output)
                block.append(
                    Message(Role.TOOL, text, Channel.COMMENTARY, Role.ASSISTANT, name=name)
                )
    return blocks


def _leads_to_call(following: Sequence[Json]) -> bool:
    kinds = (item["type"] for item in following if item["type"] != "reasoning")
    return next(kinds, None) == "function_call"


def _said(item: Json, *, leads_to_call: bool) -> Message:
    text = _joined(item["content"])
    match item["role"]:
        case "user":
            return Message(Role.USER, text)
        case "assistant":
            phase = item.get("phase") or ("commentary" if leads_to_call else "final_answer")
            channel = Channel.COMMENTARY if phase == "commentary" else Channel.FINAL
            return Message(Role.ASSISTANT, text, channel)
    return Message(Role.DEVELOPER, DeveloperContent(text))


def _joined(parts: object) -> str:
    assert isinstance(parts, list)
    return "".join(str(part["text"]) for part in parts)
