"""Rows of datasets, in the columns that people have them in -> chat messages, tools and a reasoning effort."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gptoss.errors import MessageError, listed, shown
from gptoss.harmony.names import Effort

_SPEAKERS = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "assistant": "assistant",
    "model": "assistant",
    "system": "system",
    "developer": "developer",
    "tool": "tool",
    "observation": "tool",
    "function_response": "tool",
}
# Of one row: a tool's schemas, and what was said; the rest of its columns say nothing to the model.
_SETTINGS = ("tools", "functions", "reasoning_effort", "weight")


@dataclass(frozen=True, slots=True)
class ChatRow:
    """A row as chat APIs would have it.

    messages  objects as chat APIs take them, without `weight`
    weights   of each message, as OpenAI's fine-tuning has it: 0 where an answer is not to be learnt
    tools     as chat APIs take them
    effort    None: the row names none
    unused    columns that are not read
    """

    messages: list[dict[str, Any]]
    weights: list[float]
    tools: list[Mapping[str, Any]] = field(default_factory=list)
    effort: Effort | None = None
    unused: tuple[str, ...] = ()


def chat_row(values: Mapping[str, Any]) -> ChatRow:
    """The row's conversation, from the first of these that its columns have.

    - `messages`, as chat APIs have them;
    - `conversations` of `{"from", "value"}`;
    - `prompt` and `completion` (or `response`), each text or messages;
    - `user` and `final`, with `analysis`, `developer` or `system`;
    - `instruction`, `input` and `output`, with `system`.

    `tools` (or `functions`), which may be JSON as text, and `reasoning_effort` go with each of them. Raises
    MessageError for a row that is none of these.
    """
    for form in _FORMS:
        if all(values.get(name) is not None for name in form.needed):
            messages = form.read(values)
            break
    else:
        raise MessageError(
            f"got the columns {listed(map(str, values)) or 'none'}, wanted "
            + "; or ".join(" and ".join(f"`{name}`" for name in each.needed) for each in _FORMS)
        )
    weights = [_weight(message) for message in messages]
    kept = [_without_nothing(message) for message in messages]
    used = {*form.needed, *form.more, *_SETTINGS}
    return ChatRow(
        kept,
        weights,
        _tools(values),
        _effort(values.get("reasoning_effort")),
        tuple(name for name in values if name not in used),
    )


@dataclass(frozen=True, slots=True)
class _Form:
    """Columns that make a conversation: those that it needs, those that it reads as well, and how."""

    needed: tuple[str, ...]
    more: tuple[str, ...]
    read: Callable[[Mapping[str, Any]], list[dict[str, Any]]]


def _messages(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return _objects(values["messages"], "messages")


def _conversations(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    said = [_system(values.get("system"))] if values.get("system") else []
    for index, turn in enumerate(_objects(values["conversations"], "conversations")):
        if "role" in turn and "from" not in turn:
            said.append(turn)
            continue
        speaker = turn.get("from")
        role = _SPEAKERS.get(speaker) if isinstance(speaker, str) else None
        if role is None:
            raise MessageError(
                f"conversations.{index}.from: got {shown(speaker)}, wanted {listed(sorted(_SPEAKERS))}"
            )
        rest = {key: value for key, value in turn.items() if key not in ("from", "value")}
        said.append({"role": role, "content": turn.get("value"), **rest})
    return said


def _completion(name: str) -> Callable[[Mapping[str, Any]], list[dict[str, Any]]]:
    def read(values: Mapping[str, Any]) -> list[dict[str, Any]]:
        said = [_system(values.get("system"))] if values.get("system") else []
        return [
            *said,
            *_said(values["prompt"], "user", "prompt"),
            *_said(values[name], "assistant", name),
        ]

    return read


def _flat(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    told = values.get("developer") or values.get("system")
    answer = {
        "role": "assistant",
        "content": values["final"],
        "thinking": values.get("analysis"),
    }
    said = [{"role": "user", "content": values["user"]}, answer]
    return [_system(told), *said] if told else said


def _instruction(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    told, more = values.get("system"), values.get("input")
    asked = f"{values['instruction']}\n\n{more}" if more else values["instruction"]
    said = [{"role": "user", "content": asked}, {"role": "assistant", "content": values["output"]}]
    return [_system(told), *said] if told else said


_FORMS = (
    _Form(("messages",), (), _messages),
    _Form(("conversations",), ("system",), _conversations),
    _Form(("prompt", "completion"), ("system",), _completion("completion")),
    _Form(("prompt", "response"), ("system",), _completion("response")),
    _Form(("user", "final"), ("analysis", "developer", "system"), _flat),
    _Form(("instruction", "output"), ("input", "system"), _instruction),
)


def _said(value: object, role: str, name: str) -> list[dict[str, Any]]:
    """Text of one speaker, or messages."""
    return [{"role": role, "content": value}] if isinstance(value, str) else _objects(value, name)


def _system(text: object) -> dict[str, Any]:
    return {"role": "system", "content": text}


def _objects(value: object, name: str) -> list[dict[str, Any]]:
    """A list of objects, which some files hold as JSON in text."""
    found = _parsed(value, name)
    if not isinstance(found, Sequence) or isinstance(found, str | bytes):
        raise MessageError(f"{name}: got {shown(found)}, wanted a list of objects")
    for index, each in enumerate(found):
        if not isinstance(each, Mapping):
            raise MessageError(f"{name}.{index}: got {shown(each)}, wanted an object")
    return [dict(each) for each in found]


def _parsed(value: object, name: str) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise MessageError(f"{name}: got {shown(value)}, wanted a list, or JSON of one") from None


def _without_nothing(message: Mapping[str, Any]) -> dict[str, Any]:
    """The message without its weight and the fields that are null: tables give every row the fields of all."""
    kept = {key: value for key, value in message.items() if value is not None and key != "weight"}
    calls = kept.get("tool_calls")
    if isinstance(calls, Sequence) and not isinstance(calls, str):
        if len(calls) == 0:
            del kept["tool_calls"]
        else:
            kept["tool_calls"] = [
                {key: value for key, value in call.items() if value is not None}
                if isinstance(call, Mapping)
                else call
                for call in calls
            ]
    return kept


def _weight(message: Mapping[str, Any]) -> float:
    weight = message.get("weight")
    if weight is None:
        return 1.0
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= 1:
        raise MessageError(f"weight: got {shown(weight)}, wanted a number from 0 to 1")
    return float(weight)


def _tools(values: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    name = "tools" if values.get("tools") is not None else "functions"
    given = values.get(name)
    if given is None or given == "":
        return []
    return [
        {key: value for key, value in each.items() if value is not None}
        for each in _objects(given, name)
    ]


def _effort(value: object) -> Effort | None:
    return None if value is None or value == "" else Effort.parse(str(value).lower())
