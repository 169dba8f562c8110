"""Tools in whichever form a caller has them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from gptoss.chat import Chat
from gptoss.chat.tools import tool_set
from gptoss.errors import MessageError
from gptoss.harmony import PYTHON, ToolDescription, ToolNamespace
from gptoss.runtime import LoadedModel
from gptoss.structured import Answer, AnswerKind
from gptoss.tools import Tool

FORM = {"type": "grammar", "syntax": "lark", "definition": 'start: "a"'}


def test_kinds() -> None:
    tools = tool_set(
        [
            PYTHON,
            ToolNamespace("notes", (ToolDescription("add"),)),
            ToolDescription("plain"),
            {"type": "function", "function": {"name": "exact", "strict": True}},
            {"type": "custom", "name": "run"},
            {"type": "custom", "custom": {"name": "bare", "format": FORM}},
            Tool(ToolDescription("find"), namespace="crm"),
        ],
        {"crm": "Customers."},
    )
    assert tools.kinds == {
        "python": "python",
        "notes.add": "function",
        "functions.plain": "function",
        "functions.exact": "function",
        "functions.run": "custom",
        "functions.bare": "custom",
        "crm.find": "function",
    }
    assert tools.strict == ("functions.exact",)
    assert tools.texts == {"functions.bare": Answer(AnswerKind.LARK, 'start: "a"')}
    wrapped = [name for name, tool in tools.tool_by_recipient.items() if tool.is_wrapped]
    assert wrapped == ["functions.run"]
    assert [space.description for space in tools.developer if space.name == "crm"] == ["Customers."]


@pytest.mark.parametrize(
    ("tools", "said"),
    [
        ([{"name": "a"}, {"type": "custom", "name": "a"}], "got 'a' twice"),
        (
            [
                Tool(ToolDescription("b.c"), namespace="a"),
                Tool(ToolDescription("c"), namespace="a.b"),
            ],
            "got two tools that are called by 'a.b.c'",
        ),
        (["a"], "tools.0: got 'a', wanted a Python function, a tool of gptoss.tools, or an object"),
        (
            [PYTHON, {"type": "function", "function": {"name": "a", "strict": "yes"}}],
            "tools.1.function.strict: got 'yes', wanted true or false",
        ),
        (
            [{"type": "poem", "name": "a"}],
            "tools.0.type: got 'poem', wanted 'function' or 'custom'",
        ),
        ([{"name": "a b"}], "tools.0.name: got 'a b', wanted one word"),
    ],
)
def test_what_is_none(tools: list[Any], said: str) -> None:
    with pytest.raises(MessageError, match=said):
        tool_set(tools)


def test_a_chat_with_bare_text(nano_model: LoadedModel) -> None:
    form = {"type": "grammar", "syntax": "regex", "definition": "[a-z]{3}-[0-9]{2}"}
    tools = [{"type": "custom", "name": "name", "format": form}]
    choice = {"type": "custom", "name": "name"}
    # Otherwise it may think until its context ends.
    chat = Chat(nano_model, tools=tools, tool_choice=choice, reasoning_tokens=20)
    (call,) = chat.send("Go").tool_calls
    assert call.name == "name"
    assert re.fullmatch("[a-z]{3}-[0-9]{2}", call.arguments)
    chat.tool_choice = "none"
    assert not chat.send(["<|call|>"]).tool_calls
