"""Conversations as chat APIs have them -> harmony."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest

from gptoss.chat import from_chat, read_messages
from gptoss.errors import MessageError
from gptoss.harmony import (
    DeveloperContent,
    Message,
    ResponseFormat,
    Role,
    SystemContent,
    ToolDescription,
    functions,
)

TEXT = {"type": "text", "text": "Weather "}
JSON = "<|constrain|>json"


def call(name: str, arguments: Any, call_id: str | None = None) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    made: dict[str, Any] = {"type": "function", "function": function}
    return made if call_id is None else {"id": call_id, **made}


def test_a_whole_conversation() -> None:
    conversation = from_chat(
        [
            {"role": "system", "content": "Be kind."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Weather "},
                    {"type": "input_text", "text": "here?"},
                ],
            },
            {
                "role": "assistant",
                "content": "I look.",
                "reasoning": "Look.",
                "tool_calls": [call("f", {"a": "é"}, "1")],
            },
            {"role": "tool", "tool_call_id": "1", "content": "sun"},
            {"role": "assistant", "content": "Sunny."},
        ]
    )
    assert conversation == [
        Message(Role.SYSTEM, SystemContent()),
        Message(Role.DEVELOPER, DeveloperContent("Be kind.")),
        Message(Role.USER, "Weather here?"),
        Message(Role.ASSISTANT, "Look.", "analysis"),
        Message(Role.ASSISTANT, "I look.", "commentary"),
        Message(Role.ASSISTANT, '{"a": "é"}', "commentary", "functions.f", JSON),
        Message(Role.TOOL, "sun", "commentary", "assistant", name="functions.f"),
        Message(Role.ASSISTANT, "Sunny.", "final"),
    ]


def test_results_follow_their_calls() -> None:
    conversation = from_chat(
        [
            {"role": "assistant", "tool_calls": [call("f", "{}", "1"), call("g", "{}", "2")]},
            {"role": "tool", "tool_call_id": "2", "content": "of g"},
            {"role": "tool", "tool_call_id": "1", "content": "of f"},
        ]
    )
    order = [
        message.recipient if message.is_tool_call else message.text for message in conversation[1:]
    ]
    assert order == ["functions.f", "of f", "functions.g", "of g"]


def test_tools_and_formats_join_the_developer_message() -> None:
    tools = [
        {
            "type": "function",
            "function": {"name": "f", "description": None, "parameters": {"type": "object"}},
        },
        {"name": "g", "description": "G"},
    ]
    form = ResponseFormat("r", {"type": "string"})
    declared = functions([ToolDescription("f", "", {"type": "object"}), ToolDescription("g", "G")])
    expected = Message(Role.DEVELOPER, DeveloperContent("Be kind.", (declared,), (form,)))
    said = [{"role": "developer", "content": "Be kind."}, {"role": "user", "content": "q"}]
    assert from_chat(said, tools=tools, response_format=form)[1:] == [
        expected,
        Message(Role.USER, "q"),
    ]
    unsaid = from_chat(said[1:], tools=tools)[1]
    assert unsaid == Message(Role.DEVELOPER, DeveloperContent(None, (declared,)))


def test_the_system_message_is_the_callers() -> None:
    system = SystemContent(current_date="2026-11-24")
    assert from_chat([], system=system) == [Message(Role.SYSTEM, system)]


def test_reasoning_without_an_answer_makes_no_answer() -> None:
    for content in (None, ""):
        cut = {"role": "assistant", "content": content, "reasoning": "So far"}
        assert from_chat([cut])[1:] == [Message(Role.ASSISTANT, "So far", "analysis")]


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ("hi", "messages.0: got 'hi', wanted an object"),
        ({"content": "hi"}, "messages.0.role: got nothing, wanted 'system', 'developer', "),
        ({"role": "bot", "content": "hi"}, "messages.0.role: got 'bot', wanted 'system', "),
        ({"role": "user"}, "messages.0.content: got nothing, wanted this field"),
        ({"role": "user", "content": None}, "content: got None, wanted text or a list"),
        (
            {"role": "user", "content": [TEXT, {"type": "image_url"}]},
            "messages.0.content.1.type: got 'image_url', wanted text: the model reads no other",
        ),
        ({"role": "user", "content": [{}]}, "content.0.text: got nothing, wanted this field"),
        ({"role": "user", "content": ["a"]}, "content.0: got 'a', wanted an object"),
        ({"role": "user", "content": "q", "name": "a b"}, "name: got 'a b', wanted one word"),
        ({"role": "user", "content": "q", "name": 3}, "name: got 3, wanted text"),
        ({"role": "assistant", "tool_calls": "f"}, "tool_calls: got 'f', wanted a list"),
        ({"role": "assistant", "tool_calls": {}}, "tool_calls: got {}, wanted a list"),
        (
            {"role": "assistant", "reasoning": "r", "thinking": 0},
            "messages.0.thinking: got 0, wanted text or a list",
        ),
        ({"role": "assistant", "tool_calls": ["f"]}, "tool_calls.0: got 'f', wanted an object"),
        ({"role": "assistant", "tool_calls": [{}]}, "tool_calls.0.name: got nothing"),
        (
            {"role": "assistant", "tool_calls": [{"function": {"name": "a b"}}]},
            "messages.0.tool_calls.0.function.name: got 'a b', wanted one word",
        ),
        (
            {"role": "tool", "tool_call_id": "9", "content": "r"},
            "messages.0.tool_call_id: got '9', but no assistant message before it made that call",
        ),
        (
            {"role": "tool", "content": "r"},
            "messages.0: got a tool's result, but no assistant message before it made a call",
        ),
    ],
)
def test_wrong_shapes_are_refused(message: Any, error: str) -> None:
    with pytest.raises(MessageError, match=error):
        from_chat([message])


@pytest.mark.parametrize("messages", ["hi", 3, None, {"role": "user", "content": "q"}])
def test_what_is_no_list_is_refused(messages: Any) -> None:
    with pytest.raises(MessageError, match=r"^messages: got .*, wanted a list$"):
        read_messages(messages)


def test_calls_of_all_forms() -> None:
    called = {"name": "f", "arguments": {"a": 1}}
    forms: list[dict[str, Any]] = [
        {"id": "1", "type": "function", "function": called},
        {"id": "1", "function": called},
        {"id": "1", "type": "tool_use", **called},
        {"id": "1", **called},
    ]
    said = [
        read_messages(
            [
                {"role": "assistant", "tool_calls": (MappingProxyType(form),)},
                {"role": "function", "tool_call_id": "1", "content": (TEXT,)},
            ]
        )
        for form in forms
    ]
    call = Message(Role.ASSISTANT, '{"a": 1}', "commentary", "functions.f", JSON)
    result = Message(Role.TOOL, "Weather ", "commentary", "assistant", name="functions.f")
    assert said == [[call, result]] * len(forms)


def test_a_custom_call_of_either_form() -> None:
    custom = {"name": "run", "input": "1"}
    nested, flat = (
        read_messages([{"role": "assistant", "tool_calls": [{"type": "custom", **form}]}])
        for form in ({"custom": custom}, custom)
    )
    assert nested == flat
    assert nested[0].text == '{"input": "1"}'


def test_a_result_without_an_id() -> None:
    for before, name in (
        ([{"role": "assistant", "tool_calls": [call("g", "{}")]}], "g"),
        ([], "f"),
    ):
        result = {"role": "tool", "name": "f", "content": "r"}
        assert read_messages([*before, result])[-1].name == f"functions.{name}"


@pytest.mark.parametrize(
    "tool",
    [
        {},
        {"function": 3},
        {"name": "f", "description": 3},
        {"name": "f", "description": {}},
        {"name": "f", "parameters": []},
        {"name": "a b"},
    ],
)
def test_wrong_tools_are_refused(tool: Any) -> None:
    with pytest.raises(MessageError):
        from_chat([], tools=[tool])


@pytest.mark.parametrize("depth", [100, 900, 100_000])
def test_arguments_that_are_nested_too_deeply_are_refused(depth: int) -> None:
    arguments: dict[str, Any] = {}
    for _ in range(depth):
        arguments = {"a": arguments}
    with pytest.raises(
        MessageError, match=r"arguments of messages\.0\.tool_calls\.0 nested deeper than 64"
    ):
        from_chat([{"role": "assistant", "tool_calls": [call("f", arguments)]}])
    while arguments:  # So that freeing it does not recurse either.
        arguments = arguments.pop("a")
