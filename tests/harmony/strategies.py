"""Generated conversations and schemas."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

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

# Text as people write it; line feeds and spellings of markers among it, but no lone surrogates.
TEXT = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        ["Hi <|end|> there\n", "", "  two  spaces ", "<|start|>system<|message|>", "é中😊"]
    ),
)
WORD = st.text(st.sampled_from("abcdefgXYZ_-.0189é中"), min_size=1, max_size=12)
# What stands in comments: one line, and no quotes that Rust and Python might write differently.
LINE = st.text(st.sampled_from("abc xyzé中.,()'`?<|>0"), min_size=1, max_size=20)
VALUE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    # Few digits: the library reads longer ones a little wrong.
    st.sampled_from([0.1, -0.25, 1.0, 1e-4, 1e-5, -1.5e-5, 2e-6, 1e15, 1e16, -2.5e20, 123456.75]),
    LINE,
    st.lists(st.integers(0, 9), max_size=3),
)


def _extras(kind: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """A schema with comments and a default beside its type."""
    extras = st.fixed_dictionaries(
        {},
        optional={
            "description": LINE,
            "default": VALUE,
            "title": LINE,
            "nullable": st.booleans(),
            "examples": st.lists(LINE | st.integers(0, 3), max_size=2),
        },
    )
    return st.builds(lambda schema, extra: {**schema, **extra}, kind, extras)


_LEAF = _extras(
    st.one_of(
        st.sampled_from([{"type": name} for name in ("string", "number", "integer", "boolean")]),
        st.builds(
            lambda values: {"type": "string", "enum": values},
            st.lists(WORD, min_size=1, max_size=3, unique=True),
        ),
    )
)


def _objects(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    def build(properties: dict[str, Any], required: int) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": properties,
            "required": [*properties][:required],
        }

    return st.builds(build, st.dictionaries(WORD, inner, min_size=1, max_size=3), st.integers(0, 2))


def _deeper(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    plain = inner.filter(lambda schema: "enum" not in schema and "nullable" not in schema)
    return _extras(
        st.one_of(
            _objects(inner),
            st.builds(lambda items: {"type": "array", "items": items}, plain),
            st.just({"type": "array"}),
            st.builds(lambda kinds: {"oneOf": kinds}, st.lists(inner, min_size=1, max_size=3)),
        )
    )


# What the library writes without loss.
CLEAR_SCHEMA = st.recursive(_LEAF, _deeper, max_leaves=6)
CLEAR_PARAMETERS = _objects(CLEAR_SCHEMA)
# Whatever else a schema may hold.
ODD_SCHEMA = st.recursive(
    st.one_of(
        _LEAF,
        st.builds(lambda value: {"const": value}, VALUE),
        st.builds(lambda values: {"enum": values}, st.lists(VALUE, max_size=3)),
        st.builds(
            lambda kinds: {"type": kinds},
            st.lists(st.sampled_from(["string", "integer", "null", "object"]), max_size=3),
        ),
        st.sampled_from(
            [{}, {"type": "object"}, {"type": "file"}, {"oneOf": []}, {"type": "null"}]
        ),
    ),
    lambda inner: st.one_of(
        _deeper(inner),
        st.builds(lambda kinds: {"anyOf": kinds}, st.lists(inner, max_size=3)),
        st.builds(lambda kinds: {"allOf": kinds}, st.lists(inner, max_size=2)),
        st.builds(lambda rest: {"type": "object", "additionalProperties": rest}, inner),
        st.builds(lambda items: {"type": "array", "items": items}, inner),
    ),
    max_leaves=6,
)
ODD_PARAMETERS = _objects(ODD_SCHEMA)


def tools(parameters: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[ToolDescription]:
    return st.builds(ToolDescription, WORD, TEXT, st.none() | parameters)


def namespaces(
    parameters: st.SearchStrategy[dict[str, Any]], names: st.SearchStrategy[str] = WORD
) -> st.SearchStrategy[ToolNamespace]:
    described = st.lists(tools(parameters), max_size=2, unique_by=lambda tool: tool.name)
    return st.builds(ToolNamespace, names, described, st.none() | TEXT)


def _several(each: st.SearchStrategy[ToolNamespace]) -> st.SearchStrategy[list[ToolNamespace]]:
    return st.lists(each, max_size=2, unique_by=lambda namespace: namespace.name)


DATES = st.dates().map(str)
SYSTEM = st.builds(
    SystemContent,
    identity=st.none() | TEXT,
    knowledge_cutoff=st.none() | TEXT,
    current_date=st.none() | DATES,
    effort=st.none() | st.sampled_from(Effort),
    channels=st.lists(WORD, max_size=3),
    tools=_several(st.sampled_from([BROWSER, PYTHON]) | namespaces(CLEAR_PARAMETERS)),
    is_channel_required=st.booleans(),
)
DEVELOPER = st.builds(
    DeveloperContent,
    st.none() | TEXT,
    _several(namespaces(CLEAR_PARAMETERS, st.just("functions") | WORD)),
)
CHANNELS = st.sampled_from(["analysis", "commentary", "final"])
CONTENT_TYPES = st.sampled_from([None, "json", "<|constrain|>json", "code"])


@st.composite
def messages(draw: st.DrawFn) -> Message:
    """Any message that harmony has."""
    role = draw(st.sampled_from(Role))
    match role:
        case Role.SYSTEM:
            return Message(role, draw(SYSTEM | TEXT))
        case Role.DEVELOPER:
            return Message(role, draw(DEVELOPER | TEXT))
        case Role.USER:
            return Message(role, draw(TEXT), name=draw(st.none() | WORD))
        case Role.ASSISTANT:
            recipient = draw(st.none() | st.just("all") | WORD)
            channel = draw(st.none() | CHANNELS)
            return Message(role, draw(TEXT), channel, recipient, draw(CONTENT_TYPES))
        case Role.TOOL:
            channel, recipient = draw(st.none() | CHANNELS), draw(st.none() | st.just("assistant"))
            return Message(role, draw(TEXT), channel, recipient, name=draw(WORD))


CONVERSATION = st.lists(messages(), max_size=6)

FUNCTION_NAMES = st.sampled_from(["get_weather", "search-web", "f"])
ARGUMENTS = st.dictionaries(WORD, VALUE, max_size=3)


@st.composite
def turns(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Messages of one turn as chat APIs and the released template have them, finished or not."""
    found: list[dict[str, Any]] = [{"role": "user", "content": draw(TEXT)}]
    for _ in range(draw(st.integers(0, 2))):
        function = {"name": draw(FUNCTION_NAMES), "arguments": draw(ARGUMENTS)}
        call = {"role": "assistant", "tool_calls": [{"type": "function", "function": function}]}
        found.append({**call, "thinking": draw(st.just("") | TEXT)})
        found.append({"role": "tool", "content": draw(TEXT)})
    if draw(st.booleans()):
        thought = draw(st.none() | TEXT.filter(bool))
        found.append({"role": "assistant", "content": draw(TEXT.filter(bool))})
        if thought is not None:
            found[-1]["thinking"] = thought
    return found


CHAT = st.builds(
    lambda turns: [message for turn in turns for message in turn],
    st.lists(turns(), min_size=1, max_size=3),
)
FUNCTIONS = st.builds(
    functions,
    st.lists(tools(ODD_PARAMETERS), min_size=1, max_size=3, unique_by=lambda tool: tool.name),
)
