"""Formats and choices as chat APIs write them."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest
from pydantic import TypeAdapter

from gptoss.chat import answer_of, tool_choice_of
from gptoss.chat.types.formats import AnswerFormat
from gptoss.errors import SchemaError
from gptoss.harmony import (
    BROWSER,
    PYTHON,
    DeveloperContent,
    Message,
    Role,
    SystemContent,
    ToolDescription,
    functions,
)
from gptoss.structured import (
    Answer,
    AnswerKind,
    ToolChoice,
    ToolRule,
    TurnRules,
    declared_tools,
)

SCHEMA = {"type": "object"}
DECLARED = {
    "functions.a": "function",
    "functions.b": "function",
    "functions.run": "custom",
    "functions.shell": "shell",
    "crm.find": "function",
    "python": "python",
}


@pytest.mark.parametrize(
    ("form", "answer"),
    [
        (None, Answer()),
        ({"type": "text"}, Answer()),
        ({"type": "json_object"}, Answer(AnswerKind.JSON_OBJECT)),
        (
            {"type": "json_object", "schema": SCHEMA},
            Answer(AnswerKind.JSON_OBJECT, SCHEMA),
        ),
        (
            {"type": "json_object", "schema": SCHEMA, "strict": False},
            Answer(AnswerKind.JSON_OBJECT, SCHEMA, is_strict=False),
        ),
        (
            {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}},
            Answer(AnswerKind.JSON_SCHEMA, SCHEMA),
        ),
        (
            {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": False},
            Answer(AnswerKind.JSON_SCHEMA, SCHEMA, is_strict=False),
        ),
        ({"type": "regex", "regex": "a+"}, Answer(AnswerKind.REGEX, "a+")),
        ({"type": "lark", "lark": 'start: "a"'}, Answer(AnswerKind.LARK, 'start: "a"')),
        ({"type": "choice", "choice": ["a", "b"]}, Answer(AnswerKind.CHOICE, ("a", "b"))),
        ({"type": "choice", "choice": ("a", "b")}, Answer(AnswerKind.CHOICE, ("a", "b"))),
        (
            MappingProxyType({"type": "json_schema", "schema": MappingProxyType(SCHEMA)}),
            Answer(AnswerKind.JSON_SCHEMA, SCHEMA),
        ),
    ],
)
def test_response_formats(form: Any, answer: Answer) -> None:
    found, told = answer_of(form)
    assert found == answer
    assert (told is not None) == (answer.value == SCHEMA)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("json", "response_format: got 'json', wanted an object"),
        ({}, "response_format.type: got nothing, wanted 'json_schema', 'text'"),
        ({"type": "xml"}, "response_format.type: got 'xml', wanted 'json_schema'"),
        ({"type": ["text"]}, r"response_format.type: got \['text'\], wanted"),
        ({"type": "json_schema"}, "response_format.schema: got nothing"),
        ({"type": "json_schema", "json_schema": "a"}, "json_schema: got 'a', wanted an object"),
        ({"type": "json_schema", "json_schema": None}, "json_schema: got None, wanted an object"),
        (
            {"type": "json_schema", "json_schema": {"schema": True}},
            "response_format.json_schema.schema: got True, wanted an object",
        ),
        (
            {"type": "json_schema", "json_schema": {"schema": SCHEMA, "strict": 1}},
            "strict: got 1, wanted true or false",
        ),
        (
            {"type": "json_schema", "json_schema": {"schema": SCHEMA, "name": 1}},
            "name: got 1, wanted text",
        ),
        (
            {"type": "json_schema", "name": "two words", "schema": SCHEMA},
            "name: got 'two words', wanted one word",
        ),
        (
            {"type": "json_schema", "json_schema": {"schema": SCHEMA, "description": 1}},
            "description: got 1, wanted text",
        ),
        ({"type": "regex"}, "response_format.regex: got nothing, wanted this field"),
        ({"type": "choice", "choice": "yes"}, "choice: got 'yes', wanted a list"),
        ({"type": "choice", "choice": []}, "got 0 elements, wanted at least 1"),
        ({"type": "choice", "choice": ["a"] * 1025}, "got more than 1024 elements"),
        ({"type": "choice", "choice": ["a", ""]}, "choice.1: got '', wanted text of a length"),
        ({"type": "choice", "choice": ["a", 1]}, "choice.1: got 1, wanted text"),
    ],
)
def test_formats_that_are_none(form: Any, said: str) -> None:
    with pytest.raises(SchemaError, match=said):
        answer_of(form)


@pytest.mark.parametrize(
    ("choice", "found"),
    [
        (None, (ToolChoice.AUTO, None)),
        ("auto", (ToolChoice.AUTO, None)),
        ("none", (ToolChoice.NONE, None)),
        ("required", (ToolChoice.REQUIRED, None)),
        ({"type": "function", "function": {"name": "a"}}, (ToolChoice.REQUIRED, ("functions.a",))),
        ({"type": "function", "name": "b"}, (ToolChoice.REQUIRED, ("functions.b",))),
        ({"type": "python"}, (ToolChoice.REQUIRED, ("python",))),
        ({"name": "python"}, (ToolChoice.REQUIRED, ("python",))),
        ({"name": "run"}, (ToolChoice.REQUIRED, ("functions.run",))),
        ({"type": "custom", "name": "run"}, (ToolChoice.REQUIRED, ("functions.run",))),
        ({"type": "custom", "custom": {"name": "run"}}, (ToolChoice.REQUIRED, ("functions.run",))),
        ({"type": "shell"}, (ToolChoice.REQUIRED, ("functions.shell",))),
        ({"type": "function", "name": "crm.find"}, (ToolChoice.REQUIRED, ("crm.find",))),
        (
            {"type": "function", "name": "find", "namespace": "crm"},
            (ToolChoice.REQUIRED, ("crm.find",)),
        ),
        (
            {
                "type": "allowed_tools",
                "mode": "auto",
                "tools": [{"type": "shell"}, {"type": "custom", "name": "run"}],
            },
            (ToolChoice.AUTO, ("functions.shell", "functions.run")),
        ),
        (
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "a"}]},
            (ToolChoice.AUTO, ("functions.a",)),
        ),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [{"type": "function", "function": {"name": "b"}}],
                },
            },
            (ToolChoice.REQUIRED, ("functions.b",)),
        ),
    ],
)
def test_tool_choices(choice: object, found: object) -> None:
    assert tool_choice_of(choice, DECLARED) == found


def test_without_tools_nothing_is_called() -> None:
    assert tool_choice_of(None, {}) == (ToolChoice.NONE, None)


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ("any", "tool_choice: got 'any', wanted 'auto', 'none' or 'required'"),
        (3, "tool_choice: got 3, wanted 'auto', 'none', 'required' or an object"),
        ({"type": "poem"}, "tool_choice.type: got 'poem', wanted 'function', 'custom', "),
        (
            {"type": "function", "function": {"name": "c"}},
            "got the tool choice 'c', wanted a declared tool: crm.find, a, b, run, shell, python",
        ),
        (
            {"type": "function", "name": "run"},
            "got the tool choice 'run' of the type 'function', which is declared as custom; say",
        ),
        ({"type": "custom", "name": "a"}, "which is declared as function"),
        ({"type": "custom", "name": "shell"}, "which is declared as shell"),
        ({"type": "local_shell"}, "got the tool choice 'local_shell', wanted a declared tool"),
        ({"type": "function", "name": "find"}, "got the tool choice 'find', wanted a declared"),
        ({"type": "function", "name": "a", "namespace": "crm"}, "got the tool choice 'a', wanted"),
        ({"type": "function", "function": {}}, "tool_choice.function.name: got nothing"),
        ({"function": {"name": "a"}}, "tool_choice.name: got nothing, wanted this field"),
        ({}, "tool_choice.name: got nothing, wanted this field"),
        ({"type": "allowed_tools"}, "tool_choice.tools: got nothing, wanted this field"),
        (
            {"type": "allowed_tools", "mode": "some", "tools": []},
            "tool_choice.mode: got 'some', wanted 'auto' or 'required'",
        ),
        (
            {"type": "allowed_tools", "mode": "auto", "tools": ["a"]},
            "tool_choice.tools.0: got 'a', wanted an object",
        ),
    ],
)
def test_choices_that_are_none(choice: object, said: str) -> None:
    with pytest.raises(SchemaError, match=said):
        tool_choice_of(choice, DECLARED)


def test_declared_tools() -> None:
    developer = DeveloperContent(
        tools=(functions([ToolDescription("a", parameters=SCHEMA), ToolDescription("b")]),)
    )
    conversation = [
        Message(Role.SYSTEM, SystemContent(tools=(PYTHON, BROWSER))),
        Message(Role.DEVELOPER, developer),
        Message(Role.USER, "Hi"),
    ]
    tools = declared_tools(conversation, ["functions.b"])
    assert [tool.recipient for tool in tools] == [
        "python",
        "browser.search",
        "browser.open",
        "browser.find",
        "functions.a",
        "functions.b",
    ]
    assert tools[0] == ToolRule("python", is_built_in=True, takes_text=True)
    assert tools[4] == ToolRule("functions.a", SCHEMA)
    assert tools[5] == ToolRule("functions.b", is_strict=True)


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"choice": ToolChoice.REQUIRED}, "a tool call is required, but no tool is declared"),
        (
            {"allowed": ("functions.a",)},
            "got the tool choice 'functions.a', wanted a declared tool",
        ),
    ],
)
def test_rules_that_cannot_be_met(rules: dict[str, Any], said: str) -> None:
    with pytest.raises(SchemaError, match=said):
        TurnRules(**rules)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (AnswerKind.TEXT, "a"),
        (AnswerKind.REGEX, None),
        (AnswerKind.JSON_SCHEMA, "a"),
        (AnswerKind.CHOICE, "a"),
    ],
)
def test_values_of_the_wrong_kind(kind: AnswerKind, value: Any) -> None:
    with pytest.raises(SchemaError, match=f"for an answer of the kind {kind}"):
        Answer(kind, value)


def test_what_was_checked_is_taken_as_it_is() -> None:
    made = TypeAdapter(AnswerFormat).validate_python({"type": "regex", "regex": "a+"})
    assert answer_of(made)[0] == Answer(AnswerKind.REGEX, "a+")
