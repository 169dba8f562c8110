"""Conversations as chat APIs have them -> harmony."""

from __future__ import annotations

from typing import Any

import pytest

from gptoss.chat import from_chat
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
        ("hi", "got str as messages, wanted a list of dict"),
        ({"content": "hi"}, "got the role None in message 0"),
        ({"role": "bot", "content": "hi"}, "got the role 'bot' in message 0, wanted one of system"),
        ({"role": "user"}, "got NoneType as content of message 0"),
        ({"role": "user", "content": [{"type": "image_url"}]}, "the type 'image_url' in message 0"),
        ({"role": "user", "content": "q", "name": "a b"}, "'a b' as name, wanted one word"),
        ({"role": "user", "content": "q", "name": 3}, "got int as name"),
        ({"role": "assistant", "tool_calls": "f"}, "tool_calls in message 0 that are not a list"),
        ({"role": "assistant", "tool_calls": {}}, "tool_calls in message 0 that are not a list"),
        ({"role": "assistant", "reasoning": "r", "thinking": 0}, "got int as content of message 0"),
        (
            {"role": "assistant", "tool_calls": ["f"]},
            "a tool call in message 0 that is not an object",
        ),
        ({"role": "assistant", "tool_calls": [{}]}, "without a function's name in message 0"),
        ({"role": "tool", "tool_call_id": "9", "content": "r"}, "the call '9' in message 0"),
        ({"role": "tool", "content": "r"}, "no assistant message before it made that call"),
    ],
)
def test_wrong_shapes_are_refused(message: Any, error: str) -> None:
    with pytest.raises(MessageError, match=error):
        from_chat([message])


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
    with pytest.raises(MessageError, match="the arguments of f in message 0 nested deeper than 64"):
        from_chat([{"role": "assistant", "tool_calls": [call("f", arguments)]}])
    while arguments:  # So that freeing it does not recurse either.
        arguments = arguments.pop("a")
