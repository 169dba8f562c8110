"""Conversations, tools and schemas that requests bring, and what the model writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache

from gptoss import nano
from gptoss.chat import from_chat
from gptoss.errors import GptossError
from gptoss.harmony import (
    DeveloperContent,
    Message,
    Parser,
    Role,
    ToolDescription,
    from_json,
    functions,
    render,
    to_json,
)
from gptoss.harmony.declarations import tools_section
from gptoss.harmony.frozen_json import compact, freeze, thaw
from gptoss.harmony.header import Stretch, interpret
from gptoss.harmony.names import Marker
from gptoss.harmony.references import TypeNames, recursive_pointers
from gptoss.harmony.template import template_arguments, template_developer_text
from gptoss.tokenizer import Tokenizer
from tests.growth.case import Case

Schema = dict[str, object]


@cache
def _tokenizer() -> Tokenizer:
    return Tokenizer.from_directory(nano.checkpoint_path())


def _tokens(before: str, piece: str, *markers: Marker) -> Callable[[int], list[int]]:
    """So many times a piece of text and markers, after what opens a message."""

    def make(size: int) -> list[int]:
        encode, special_id = _tokenizer().encode, _tokenizer().special_id
        opening = [special_id(Marker.CHANNEL), *encode(before), special_id(Marker.MESSAGE)]
        part = [*encode(piece), *map(special_id, markers)]
        return [*(opening if before else ()), *(part * size)]

    return make


def _parse(token_ids: list[int]) -> None:
    parser = Parser(_tokenizer(), recipients=("functions.f",))
    for token_id in token_ids:
        parser.feed(token_id)
    parser.finish()


def _messages(size: int) -> list[Message]:
    return [Message(Role.USER if number % 2 else Role.ASSISTANT, "hi") for number in range(size)]


def _render(conversation: list[Message]) -> list[int]:
    return render(conversation, _tokenizer())


def _with_tools(schemas: list[Schema]) -> list[Message]:
    tools = [ToolDescription(f"f{index}", "", schema) for index, schema in enumerate(schemas)]
    return [Message(Role.DEVELOPER, DeveloperContent(None, (functions(tools),)))]


def _declare(schema: Schema) -> str:
    return tools_section([functions([ToolDescription("f", "", schema)])], strict=False)


def _template(schema: Schema) -> str:
    tool = ToolDescription("f", "", schema)
    return template_developer_text(DeveloperContent(None, (functions([tool]),)))


def _wide(size: int) -> Schema:
    names = [f"p{number}" for number in range(size)]
    properties = {name: {"type": "string", "description": "x"} for name in names}
    return {"type": "object", "properties": properties, "required": names[::2]}


def _nested(levels: int, wrap: Callable[[Schema], Schema]) -> Schema:
    schema: Schema = {"type": "string"}
    for _ in range(levels):
        schema = wrap(schema)
    return schema


def _deep(size: int) -> Schema:
    chain = _nested(30, lambda inner: {"type": "object", "properties": {"p": inner}})
    return {"type": "object", "properties": {f"p{number}": chain for number in range(size)}}


def _kinds_of_all(size: int) -> Schema:
    kinds = ["object", "array", "string", "null", "number", "boolean"]
    return _nested(size, lambda inner: {"type": kinds, "allOf": [inner]})


def _unknown_kinds(size: int) -> Schema:
    others = {f"k{number}": 0 for number in range(size)}
    return {**others, "type": [f"t{number}" for number in range(size)]}


def _spelled(size: int) -> Schema:
    """Every reference leads to the whole, each in another way."""
    return {"properties": {f"p{number}": {"$ref": f"#{number}"} for number in range(size)}}


def _circle(size: int) -> Schema:
    definitions = {
        f"d{number}": {"items": {"$ref": f"#/$defs/d{(number + 1) % size}"}}
        for number in range(size)
    }
    return {"properties": {"p": {"$ref": "#/$defs/d0"}}, "$defs": definitions}


def _expanded(size: int) -> Schema:
    properties = {f"p{number}": {"$ref": "#/$defs/d"} for number in range(size)}
    return {"properties": properties, "$defs": {"d": {"type": "string", "description": "x" * size}}}


def _namesakes(size: int) -> list[Schema]:
    return [{"type": "object", "x": number} for number in range(size)]


def _name(definitions: list[Schema]) -> None:
    names = TypeNames(())
    for definition in definitions:
        names.of("#/$defs/Node", definition)


def _quotes(size: int) -> Schema:
    """A line of a default that begins a literal, and never ends it."""
    item = {"type": "string", "nullable": True, "default": '\n"' + '\\"' * size + "\\"}
    return {"type": "array", "items": {"anyOf": [item, {"type": "number"}]}}


def _chat(size: int) -> list[dict[str, object]]:
    call = {"type": "function", "function": {"name": "f", "arguments": {"a": [1]}}}
    found: list[dict[str, object]] = []
    for number in range(size):
        calls = [{**call, "id": f"c{number}"}]
        found.append({"role": "assistant", "reasoning": "r", "tool_calls": calls})
        found.append({"role": "tool", "tool_call_id": f"c{number}", "content": "x"})
    return found


def _one_call(size: int) -> list[dict[str, object]]:
    """A call, and all results for it."""
    result: dict[str, object] = {"role": "tool", "tool_call_id": "c0", "content": "x"}
    return [*_chat(1), *[result] * size]


def _wrong_role(size: int) -> list[dict[str, object]]:
    return [{"role": [["x"] * 10] * size}]


def _arguments(size: int) -> str:
    return json.dumps({f"a{number}": [number] for number in range(size)})


def _value(size: int) -> Mapping[str, object]:
    return {f"k{number}": [1.5, {"x": "y"}] for number in range(size)}


def _long_header(text: str) -> Callable[[int], list[Stretch]]:
    return lambda size: [Stretch(Marker.CHANNEL, "commentary " + text * size)]


CASES = (
    Case("text that the model writes", _tokens("final", "ab "), _parse, 1000),
    Case("arguments that the model writes", _tokens("commentary to=f", "{1"), _parse, 1000),
    Case("text without any header", _tokens("", "ab "), _parse, 1000),
    Case("nothing but markers", _tokens("", "", Marker.CHANNEL, Marker.CONSTRAIN), _parse, 500),
    Case("half headers", _tokens("", "x", Marker.CHANNEL, Marker.END), _parse, 80),
    Case("messages one after the other", _tokens("final", "x", Marker.END), _parse, 100),
    Case("half characters", _tokens("final", "\N{SNOWMAN}"), _parse, 500),
    Case("header of recipients", _long_header(" to=f"), interpret, 2000),
    Case("header of half recipients", _long_header("to= "), interpret, 2000),
    Case("header of words", _long_header("json "), interpret, 5000),
    Case("conversation of many messages", _messages, _render, 200),
    Case(
        "conversation of one long message", lambda n: [Message(Role.USER, "ab " * n)], _render, 5000
    ),
    Case("many tools", lambda n: _with_tools([_wide(2)] * n), _render, 20),
    Case("wide schema", _wide, _declare, 100),
    Case("deep schema", _deep, _declare, 2),
    Case("several kinds of all", _kinds_of_all, _declare, 14),
    Case("kinds that there are not", _unknown_kinds, _declare, 1500),
    Case("one place spelled in many ways", _spelled, _declare, 50),
    Case("references in a circle", _circle, recursive_pointers, 200),
    Case("references to a long definition", _expanded, _declare, 300),
    Case("definitions of one name", _namesakes, _name, 300),
    Case("literal without an end", _quotes, _declare, 20_000),
    Case("template of a wide schema", _wide, _template, 1000),
    Case("calls and results", _chat, from_chat, 60),
    Case("results of one call", _one_call, from_chat, 200),
    Case("a wrong role of any size", _wrong_role, from_chat, 2500, raises=GptossError),
    Case("arguments in a template", _arguments, template_arguments, 1000),
    Case("frozen JSON", _value, lambda value: freeze(value, "it"), 300),
    Case("thawed JSON", _value, thaw, 400),
    Case("compact JSON", _value, compact, 200),
    Case("conversation as JSON", lambda n: to_json(_messages(n)), from_json, 150),
)
