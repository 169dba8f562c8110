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


def _results(calls: list[dict[str, Any]], results: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Each call with its results: what was called, and what came of it."""
    said = read_messages([{"role": "assistant", "tool_calls": calls}, *results])
    return [(each.recipient or str(each.name), each.text) for each in said]


def _result(text: object, **more: Any) -> dict[str, Any]:
    return {"role": "tool", "content": text, **more}


IN_ORDER = [
    ("functions.f", "{}"),
    ("assistant", "of f"),
    ("functions.g", "{}"),
    ("assistant", "of g"),
]


@pytest.mark.parametrize("ids", [(None, None), ("", ""), ("c", "c"), ("1", "2")])
def test_results_without_ids_of_their_own_go_by_their_order(ids: tuple[Any, Any]) -> None:
    calls = [call("f", "{}", ids[0]), call("g", "{}", ids[1])]
    named = {} if ids[0] in (None, "1") else {"tool_call_id": ids[0]}
    results = [_result("of f", **named), _result("of g", **named)]
    assert _results(calls, results) == IN_ORDER


@pytest.mark.parametrize("ids", [(None, None), ("c", "c")])
def test_a_name_tells_which_of_such_calls_is_meant(ids: tuple[Any, Any]) -> None:
    calls = [call("f", "{}", ids[0]), call("g", "{}", ids[1])]
    named = {} if ids[0] is None else {"tool_call_id": ids[0]}
    results = [_result("of g", name="g", **named), _result("of f", name="f", **named)]
    assert _results(calls, results) == IN_ORDER


def test_an_id_that_is_used_again_means_the_last_call() -> None:
    turns = [
        [
            {"role": "assistant", "tool_calls": [call(name, "{}", "c")]},
            _result(f"of {name}", tool_call_id="c"),
        ]
        for name in ("f", "g")
    ]
    said = read_messages([*turns[0], {"role": "user", "content": "On."}, *turns[1]])
    results = [each for each in said if each.role is Role.TOOL]
    assert [(each.name, each.text) for each in results] == [
        ("functions.f", "of f"),
        ("functions.g", "of g"),
    ]


@pytest.mark.parametrize(
    ("results", "error"),
    [
        ([_result("r", name="g")], r"1: got .*before it made a call of 'g' that has no result yet"),
        ([_result("r"), _result("s")], r"2: got .*before it made a call that has no result yet"),
        ([_result("r"), _result("s", name="f")], r"2: got .*a call of 'f' that has no result"),
    ],
)
def test_results_that_may_be_of_any_call_are_refused(
    results: list[dict[str, Any]], error: str
) -> None:
    with pytest.raises(MessageError, match=error):
        _results([call("f", "{}")], results)


def test_a_function_is_known_by_its_name_where_there_is_no_call() -> None:
    assert read_messages([_result("r", name="f")])[0].name == "functions.f"


def test_a_call_as_it_was_before_there_were_tools() -> None:
    said = read_messages(
        [
            {"role": "assistant", "function_call": {"name": "f", "arguments": '{"a": 1}'}},
            {"role": "function", "name": "f", "content": "r"},
        ]
    )
    assert said == [
        Message(Role.ASSISTANT, '{"a": 1}', "commentary", "functions.f", JSON),
        Message(Role.TOOL, "r", "commentary", "assistant", name="functions.f"),
    ]


@pytest.mark.parametrize("arguments", ["", " ", None, {}])
def test_a_call_without_arguments_has_an_empty_object(arguments: Any) -> None:
    said = read_messages([{"role": "assistant", "tool_calls": [call("f", arguments)]}])
    assert said[0].text == "{}"


def test_an_empty_name_is_none() -> None:
    with pytest.raises(MessageError, match=r"function\.name: got '', wanted one word"):
        read_messages([{"role": "assistant", "tool_calls": [call("", "{}")]}])


@pytest.mark.parametrize(
    "said",
    [
        {"content": None, "refusal": "I cannot."},
        {"content": [{"type": "refusal", "refusal": "I cannot."}]},
    ],
)
def test_a_refusal_is_what_was_said(said: dict[str, Any]) -> None:
    assert read_messages([{"role": "assistant", **said}])[0].text == "I cannot."


@pytest.mark.parametrize(
    ("texts", "joined"),
    [
        (["a", "b"], "a\nb"),
        (["a ", "b"], "a b"),
        (["a", "\nb"], "a\nb"),
        (["a", "", "b"], "a\nb"),
        ([], ""),
    ],
)
@pytest.mark.parametrize("role", ["user", "system", "tool"])
def test_parts_stand_in_lines_of_their_own(texts: list[str], joined: str, role: str) -> None:
    parts = [{"type": "text", "text": text} for text in texts]
    (said,) = read_messages([{"role": role, "content": parts, "name": "f"}])
    content = said.content
    assert joined == (content.instructions if isinstance(content, DeveloperContent) else said.text)


def test_parts_of_the_assistants_are_its_words() -> None:
    parts = [{"type": "text", "text": text} for text in ("Hel", "lo")]
    assert read_messages([{"role": "assistant", "content": parts}])[0].text == "Hello"


def test_a_picture_in_a_result_leaves_its_place() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:"}}
    (said,) = read_messages([_result([TEXT, picture, TEXT], name="f")])
    assert said.text == (
        "Weather [image_url: this model reads text alone, and cannot see it]\nWeather "
    )


def test_sound_of_the_assistants_is_refused() -> None:
    with pytest.raises(MessageError, match=r"messages\.0\.audio: got .*, which is not supported"):
        read_messages([{"role": "assistant", "content": "a", "audio": {"id": "1"}}])


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
