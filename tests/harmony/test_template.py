"""The template dialect, byte for byte as the released chat template, run as transformers runs it."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import jinja2.ext
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from jinja2.sandbox import ImmutableSandboxedEnvironment

from gptoss import harmony
from gptoss.chat import from_chat
from gptoss.harmony import (
    BROWSER,
    PYTHON,
    DeveloperContent,
    Effort,
    Message,
    Role,
    SystemContent,
    ToolDescription,
    ToolNamespace,
    functions,
)
from gptoss.harmony.frozen_json import thaw
from tests import o200k
from tests.harmony import strategies
from tests.levels import examples

TOKENIZER = o200k.tokenizer()
TEMPLATE = Path(__file__).parents[1] / "golden" / "harmony" / "chat_template.jinja"
SHA256 = "a4c9919cbbd4acdd51ccffe22da049264b1b73e59055fa58811a99efbd7c8146"
DATE = "2026-11-24"


@cache
def template() -> jinja2.Template:
    """Compiled with the settings and functions of transformers' chat templates."""
    text = TEMPLATE.read_bytes()
    assert hashlib.sha256(text).hexdigest() == SHA256
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[jinja2.ext.loopcontrols]
    )
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = lambda _: DATE
    return environment.from_string(text.decode())


def _raise(message: str) -> None:
    raise jinja2.exceptions.TemplateError(message)


def released(
    chat: list[dict[str, Any]],
    tools: ToolNamespace | None = None,
    *,
    add_generation_prompt: bool = True,
    **kwargs: Any,
) -> str:
    described = [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": thaw(tool.parameters),
            },
        }
        for tool in (tools.tools if tools else ())
    ]
    kwargs |= {"messages": chat, "tools": described}
    try:
        return template().render(add_generation_prompt=add_generation_prompt, **kwargs)
    except TypeError:
        # It cannot join a default that is not text to the comment of an enum or a union.
        reject()


def ours(
    chat: list[dict[str, Any]],
    tools: ToolNamespace | None = None,
    *,
    effort: str = "medium",
    builtin: tuple[ToolNamespace, ...] = (),
) -> list[Message]:
    system = SystemContent(current_date=DATE, effort=Effort(effort), tools=builtin)
    conversation = from_chat(chat, system=system)
    if tools is not None:
        instructions = None
        if isinstance(conversation[1].content, DeveloperContent):
            instructions = conversation.pop(1).content.instructions  # type: ignore[union-attr]
        conversation.insert(1, Message(Role.DEVELOPER, DeveloperContent(instructions, (tools,))))
    return conversation


def prompt(conversation: list[Message]) -> str:
    return TOKENIZER.decode(harmony.render(conversation, TOKENIZER, dialect="template"))


@settings(max_examples=examples(250))
@given(
    strategies.CHAT,
    st.none() | strategies.FUNCTIONS,
    st.none() | strategies.TEXT,
    st.sampled_from(["low", "medium", "high"]),
)
def test_conversations_as_the_template(
    chat: list[dict[str, Any]], tools: ToolNamespace | None, instructions: str | None, effort: str
) -> None:
    if instructions is not None:
        chat = [{"role": "system", "content": instructions}, *chat]
    expected = released(chat, tools, reasoning_effort=effort)
    assert prompt(ours(chat, tools, effort=effort)) == expected


@settings(max_examples=examples(250))
@given(strategies.CHAT)
def test_training_as_the_template(chat: list[dict[str, Any]]) -> None:
    if chat[-1].get("tool_calls"):
        return
    expected = released(chat, add_generation_prompt=False)
    segments = harmony.render_for_training(ours(chat), TOKENIZER, dialect="template")
    ids = [token_id for segment in segments for token_id in segment.token_ids]
    assert TOKENIZER.decode(ids) == expected


@settings(max_examples=examples(250))
@given(strategies.FUNCTIONS)
def test_every_shape_of_schema_as_the_template(tools: ToolNamespace) -> None:
    chat = [{"role": "user", "content": "q"}]
    assert prompt(ours(chat, tools)) == released(chat, tools)


@pytest.mark.parametrize("names", [["browser"], ["python"], ["browser", "python"]])
def test_built_in_tools_as_the_template(names: list[str]) -> None:
    chat = [{"role": "user", "content": "q"}]
    builtin = tuple({"browser": BROWSER, "python": PYTHON}[name] for name in names)
    assert prompt(ours(chat, builtin=builtin)) == released(chat, builtin_tools=names)


def test_ids_are_those_of_the_whole_text() -> None:
    chat = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Weather?"},
        {
            "role": "assistant",
            "thinking": "Look.",
            "tool_calls": [{"function": {"name": "get-weather_2", "arguments": {"a": 1}}}],
        },
        {"role": "tool", "content": "sun"},
    ]
    tools = functions([ToolDescription("get-weather_2", "W", {"type": "object"})])
    text = released(chat, tools)
    pieces = []
    for piece in text.replace("<|", "\0<|").replace("|>", "|>\0").split("\0"):
        special = o200k.specials().get(piece)
        pieces += [special] if special is not None else TOKENIZER.encode(piece)
    assert harmony.render(ours(chat, tools), TOKENIZER, dialect="template") == pieces


def test_system_message_is_added_as_the_template_does() -> None:
    text = prompt([Message(Role.USER, "q")])
    assert text.startswith("<|start|>system<|message|>You are ChatGPT")


def test_what_the_template_has_no_form_for_is_written_as_harmony() -> None:
    calls = [
        Message(Role.ASSISTANT, "I look.", "commentary"),
        Message(Role.ASSISTANT, "1+1", "analysis", "python", "code"),
    ]
    text = prompt([Message(Role.USER, "q"), *calls])
    assert text.endswith(
        "<|start|>assistant<|channel|>commentary<|message|>I look.<|end|>"
        "<|start|>assistant to=python<|channel|>analysis code<|message|>1+1<|call|><|start|>assistant"
    )


@pytest.mark.parametrize("depth", [300, 900, 100_000])
def test_arguments_of_any_depth_are_written(depth: int) -> None:
    text = '{"a": ' * depth + "1" + "}" * depth
    assert harmony.template.template_arguments(text) in (text, json.dumps(text))
