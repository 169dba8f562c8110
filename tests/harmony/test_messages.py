"""Values of a conversation: immutable, checked, JSON both ways."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from typing import Any

import openai_harmony as official
import pytest
from hypothesis import given, settings

from gptoss.errors import MessageError
from gptoss.harmony import (
    BROWSER,
    PYTHON,
    Channel,
    DeveloperContent,
    Effort,
    Message,
    ResponseFormat,
    Role,
    SystemContent,
    ToolDescription,
    ToolNamespace,
    declared_recipients,
    from_dict,
    from_json,
    functions,
    to_dict,
    to_json,
)
from tests.harmony import strategies
from tests.levels import examples


@settings(max_examples=examples(300))
@given(strategies.CONVERSATION)
def test_json_both_ways(conversation: list[Message]) -> None:
    assert from_json(to_json(conversation)) == conversation


@settings(max_examples=examples(200))
@given(strategies.messages())
def test_json_is_the_librarys(message: Message) -> None:
    theirs = official.Message.from_dict(to_dict(message))
    again = official.Message.from_dict(to_dict(from_dict(theirs.to_dict())))
    if not isinstance(message.content, SystemContent):  # Theirs forgets what is None there.
        assert from_dict(theirs.to_dict()) == message
    assert again == official.Message.from_dict(theirs.to_dict())


def test_response_formats_survive_json() -> None:
    form = ResponseFormat("r", {"type": "array", "items": {"type": "string"}}, "d")
    message = Message(Role.DEVELOPER, DeveloperContent("i", (), (form,)))
    assert from_json(to_json([message])) == [message]


def test_several_texts_become_one() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert from_dict({"role": "user", "content": parts}) == Message(Role.USER, "ab")


def _with_content(role: str, *parts: dict[str, Any]) -> str:
    return json.dumps({"messages": [{"role": role, "content": parts}]})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[" * 100_000,
        '{"messages": 3}',
        '{"messages": [3]}',
        '{"messages": [{"content": "a"}]}',
        '{"messages": [{"role": "bot", "content": "a"}]}',
        '{"messages": [{"role": ["user"], "content": "a"}]}',
        '{"messages": [{"role": "user"}]}',
        '{"messages": [{"role": "user", "content": "a", "chanel": "final"}]}',
        '{"messages": [{"role": "user", "content": "a", "channel": 3}]}',
        '{"messages": [{"role": "tool", "content": "a"}]}',
        _with_content("user", {"type": "image"}),
        _with_content("user", {"type": "text"}),
        _with_content("user", {"type": "system_content"}),
        _with_content("system", {"type": "system_content", "reasoning_effort": "max"}),
        _with_content("system", {"type": "system_content", "channel_config": 3}),
        _with_content("system", {"type": "system_content", "tools": [3]}),
        _with_content("developer", {"type": "developer_content", "tools": {"a": {"tools": 3}}}),
        _with_content("developer", {"type": "developer_content", "response_formats": 3}),
        _with_content("developer", {"type": "developer_content"}, {"type": "text", "text": ""}),
    ],
)
def test_wrong_json_is_refused(text: str) -> None:
    with pytest.raises(MessageError):
        from_json(text)


def test_nothing_can_be_changed() -> None:
    parameters: dict[str, Any] = {"type": "object", "properties": {"a": {"enum": [1, 2]}}}
    tool = ToolDescription("f", "d", parameters)
    parameters["properties"]["a"]["enum"].append(3)
    assert tool.parameters == {"type": "object", "properties": {"a": {"enum": (1, 2)}}}
    with pytest.raises(TypeError):
        tool.parameters["type"] = "string"  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        tool.name = "g"  # type: ignore[misc]
    message = Message(Role.DEVELOPER, DeveloperContent(None, (functions([tool]),)))
    assert copy.deepcopy(message) == message == pickle.loads(pickle.dumps(message))
    assert hash(message) == hash(copy.deepcopy(message))


def test_declared_recipients() -> None:
    tools = functions([ToolDescription("f"), ToolDescription("g")])
    conversation = [
        Message(Role.SYSTEM, SystemContent(tools=(BROWSER, PYTHON))),
        Message(Role.DEVELOPER, DeveloperContent(tools=(tools,))),
        Message(Role.USER, "q"),
    ]
    assert declared_recipients(conversation) == {
        "functions.f",
        "functions.g",
        "python",
        "browser.search",
        "browser.open",
        "browser.find",
    }


@pytest.mark.parametrize("field", ["channel", "recipient", "content_type", "name"])
@pytest.mark.parametrize("value", ["<|end|>", "a b", "a=b", "", "a\nb", "a|b", "<|constrain|>"])
def test_header_fields_hold_one_word(field: str, value: str) -> None:
    fields: dict[str, str] = {field: value}
    with pytest.raises(MessageError, match=f"as {field}, wanted one word"):
        Message(Role.ASSISTANT, "", **fields)  # type: ignore[arg-type]


def test_wrong_values_are_refused() -> None:
    with pytest.raises(MessageError, match=r"got the role 'bot', wanted one of system, developer"):
        Message("bot", "")  # type: ignore[arg-type]
    with pytest.raises(MessageError, match="got SystemContent as the content of a user message"):
        Message(Role.USER, SystemContent())
    with pytest.raises(MessageError, match="got int as the content"):
        Message(Role.USER, 3)  # type: ignore[arg-type]
    with pytest.raises(MessageError, match="without a name"):
        Message(Role.TOOL, "")
    with pytest.raises(MessageError, match="level 'max', wanted one of low, medium, high"):
        Effort.parse("max")
    with pytest.raises(MessageError, match="level 'max'"):
        SystemContent(effort="max")  # type: ignore[arg-type]
    with pytest.raises(MessageError, match="got int as instructions"):
        DeveloperContent(3)  # type: ignore[arg-type]


def test_wrong_tools_are_refused() -> None:
    with pytest.raises(MessageError, match="'f' twice among the tools of functions"):
        functions([ToolDescription("f"), ToolDescription("f")])
    with pytest.raises(MessageError, match="'a' twice among the tool namespaces"):
        SystemContent(tools=(ToolNamespace("a"), ToolNamespace("a")))
    with pytest.raises(MessageError, match=r"got ToolNamespace as tools, wanted .* functions\("):
        DeveloperContent(tools=functions([]))  # type: ignore[arg-type]
    with pytest.raises(MessageError, match="got ToolDescription as tools, wanted a list"):
        SystemContent(tools=[ToolDescription("f")])  # type: ignore[arg-type]
    with pytest.raises(MessageError, match="got str as channels"):
        SystemContent(channels="final")  # type: ignore[arg-type]
    with pytest.raises(MessageError, match="got list as the parameters of f"):
        ToolDescription("f", "", [])  # type: ignore[arg-type]
    with pytest.raises(MessageError, match="got nan in the parameters of f"):
        ToolDescription("f", "", {"default": float("nan")})
    with pytest.raises(MessageError, match="got the key 3 in the parameters of f"):
        ToolDescription("f", "", {"properties": {3: {}}})
    with pytest.raises(MessageError, match="got int as the description of f"):
        ToolDescription("f", 3)  # type: ignore[arg-type]


def test_effort_and_channel_are_plain_words() -> None:
    assert json.dumps([Effort.LOW, Channel.FINAL, Role.USER]) == '["low", "final", "user"]'
