"""Conversations as JSON, in the names that the official library uses."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import cast

from gptoss.errors import MessageError, shown
from gptoss.harmony.frozen_json import JsonObject, thaw
from gptoss.harmony.messages import Conversation, DeveloperContent, Message, SystemContent
from gptoss.harmony.names import Effort, Role
from gptoss.harmony.tools import ResponseFormat, ToolDescription, ToolNamespace

_HEADER = ("channel", "recipient", "content_type")


def to_json(conversation: Conversation) -> str:
    """One JSON object, `{"messages": [...]}`; `from_json` gives the same conversation back."""
    messages = [to_dict(message) for message in conversation]
    return json.dumps({"messages": messages}, ensure_ascii=False)


def from_json(text: str) -> list[Message]:
    """A conversation from JSON, ours or openai-harmony's. Raises MessageError for anything else."""
    try:
        data = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise MessageError(f"the conversation is not JSON: {error}") from None
    messages = data.get("messages") if isinstance(data, dict) else None
    if not isinstance(messages, list):
        raise MessageError('got JSON without "messages", wanted {"messages": [...]}')
    return [from_dict(each) for each in messages]


def to_dict(message: Message) -> dict[str, object]:
    """A message in plain dicts, lists and text."""
    data: dict[str, object] = {"role": str(message.role), "name": message.name}
    match message.content:
        case SystemContent() as system:
            data["content"] = [_system_to_dict(system)]
        case DeveloperContent() as developer:
            data["content"] = [_developer_to_dict(developer)]
        case str() as text:
            data["content"] = [{"type": "text", "text": text}]
    for field in _HEADER:
        if getattr(message, field) is not None:
            data[field] = getattr(message, field)
    return data


def from_dict(data: object) -> Message:
    """A message from plain dicts. Several texts become one. Raises MessageError."""
    fields = _mapping(data, "a message")
    _require_known(fields, {"role", "name", "content", "author", *_HEADER, "end_turn"}, "a message")
    author = _mapping(fields.get("author", fields), "an author")
    role = author.get("role")
    if role is None:
        raise MessageError("got a message without a role, wanted one of " + ", ".join(Role))
    header = {field: _text(fields.get(field), field) for field in _HEADER}
    return Message(
        cast(Role, role),
        _content(fields.get("content")),
        **header,
        name=_text(author.get("name"), "name"),
    )


def _system_to_dict(content: SystemContent) -> dict[str, object]:
    # Nothing is left out: the library takes a missing identity, cutoff, level or channels for its default.
    data: dict[str, object] = {
        "type": "system_content",
        "model_identity": content.identity,
        "reasoning_effort": content.effort and content.effort.capitalize(),
        "conversation_start_date": content.current_date,
        "knowledge_cutoff": content.knowledge_cutoff,
    }
    data["channel_config"] = {
        "valid_channels": [str(channel) for channel in content.channels],
        "channel_required": content.is_channel_required,
    }
    return data | _tools_to_dict(content.tools)


def _developer_to_dict(content: DeveloperContent) -> dict[str, object]:
    data: dict[str, object] = {"type": "developer_content"}
    if content.instructions is not None:
        data["instructions"] = content.instructions
    data |= _tools_to_dict(content.tools)
    if content.response_formats:
        data["response_formats"] = [
            _without_none(name=form.name, description=form.description, schema=thaw(form.schema))
            for form in content.response_formats
        ]
    return data


def _tools_to_dict(namespaces: Iterable[ToolNamespace]) -> dict[str, object]:
    tools = {
        namespace.name: _without_none(
            name=namespace.name,
            description=namespace.description,
            tools=[
                _without_none(
                    name=tool.name, description=tool.description, parameters=thaw(tool.parameters)
                )
                for tool in namespace.tools
            ],
        )
        for namespace in namespaces
    }
    return {"tools": tools} if tools else {}


def _without_none(**fields: object) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}


def _content(value: object) -> str | SystemContent | DeveloperContent:
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise MessageError(f"got {type(value).__name__} as content, wanted text or a list of parts")
    parts = [_part(each) for each in value]
    if len(parts) == 1:
        return parts[0]
    if not all(isinstance(part, str) for part in parts):
        raise MessageError(
            "got several parts with a system's or developer's among them, wanted it alone"
        )
    return "".join(part for part in parts if isinstance(part, str))


def _part(value: object) -> str | SystemContent | DeveloperContent:
    part = _mapping(value, "a part of the content")
    match part.get("type"):
        case "text":
            text = part.get("text")
            if not isinstance(text, str):
                raise MessageError('got a text part without "text"')
            return text
        case "system_content":
            return _system(part)
        case "developer_content":
            return _developer(part)
    raise MessageError(
        f"got a part of the type {shown(part.get('type'))}, wanted text, system_content or developer_content"
    )


def _system(part: JsonObject) -> SystemContent:
    known = {
        "type",
        "model_identity",
        "reasoning_effort",
        "conversation_start_date",
        "knowledge_cutoff",
        "channel_config",
        "tools",
    }
    _require_known(part, known, "a system's content")
    usual = SystemContent()
    effort = _text(part.get("reasoning_effort", usual.effort), "reasoning_effort")
    usual_channels = {"valid_channels": usual.channels, "channel_required": True}
    channels = _mapping(part.get("channel_config", usual_channels) or {}, "channel_config")
    return SystemContent(
        identity=_text(part.get("model_identity", usual.identity), "model_identity"),
        knowledge_cutoff=_text(
            part.get("knowledge_cutoff", usual.knowledge_cutoff), "knowledge_cutoff"
        ),
        current_date=_text(part.get("conversation_start_date"), "conversation_start_date"),
        effort=None if effort is None else Effort.parse(effort.lower()),
        channels=tuple(_texts(channels.get("valid_channels"), "valid_channels")),
        tools=_namespaces(part.get("tools")),
        is_channel_required=channels.get("channel_required", False) is True,
    )


def _developer(part: JsonObject) -> DeveloperContent:
    _require_known(
        part, {"type", "instructions", "tools", "response_formats"}, "a developer's content"
    )
    formats = part.get("response_formats") or []
    if not isinstance(formats, list):
        raise MessageError("got response_formats that are not a list")
    return DeveloperContent(
        _text(part.get("instructions"), "instructions"),
        _namespaces(part.get("tools")),
        tuple(map(_response_format, formats)),
    )


def _response_format(value: object) -> ResponseFormat:
    form = _mapping(value, "a response format")
    return ResponseFormat(
        _text(form.get("name"), "the name of a response format") or "",
        _mapping(form.get("schema"), "the schema of a response format"),
        _text(form.get("description"), "description"),
    )


def _namespaces(value: object) -> tuple[ToolNamespace, ...]:
    found = []
    for each in _mapping(value or {}, "tools").values():
        namespace = _mapping(each, "a tool namespace")
        tools = namespace.get("tools") or []
        if not isinstance(tools, list):
            raise MessageError("got the tools of a namespace that are not a list")
        found.append(
            ToolNamespace(
                _text(namespace.get("name"), "the name of a tool namespace") or "",
                tuple(map(_tool, tools)),
                _text(namespace.get("description"), "description"),
            )
        )
    return tuple(found)


def _tool(value: object) -> ToolDescription:
    tool = _mapping(value, "a tool")
    parameters = tool.get("parameters")
    return ToolDescription(
        _text(tool.get("name"), "the name of a tool") or "",
        _text(tool.get("description"), "description") or "",
        None if parameters is None else _mapping(parameters, "the parameters of a tool"),
    )


def _mapping(value: object, what: str) -> JsonObject:
    if not isinstance(value, Mapping):
        raise MessageError(f"got {type(value).__name__} as {what}, wanted a JSON object")
    return value


def _text(value: object, what: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise MessageError(f"got {type(value).__name__} as {what}, wanted text")
    return value


def _texts(value: object, what: str) -> list[str]:
    if not isinstance(value, list | tuple | None) or not all(
        isinstance(v, str) for v in value or ()
    ):
        raise MessageError(f"got {shown(value)} as {what}, wanted a list of texts")
    return list(value or ())


def _require_known(fields: JsonObject, known: set[str], what: str) -> None:
    unknown = next((name for name in fields if name not in known), None)
    if unknown is not None:
        raise MessageError(
            f"got {shown(unknown)} in {what}, wanted only {', '.join(sorted(known))}"
        )
