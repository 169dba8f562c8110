"""References inside schemas: which get a name, and how far they are written out."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gptoss.errors import MessageError
from gptoss.harmony import ToolDescription, functions
from gptoss.harmony.declarations import tools_section
from gptoss.harmony.references import MAX_CHARACTERS, recursive_pointers
from tests.levels import examples

STRING = {"type": "string"}


def declare(*schemas: dict[str, Any]) -> str:
    tools = [ToolDescription(f"f{index}", "", schema) for index, schema in enumerate(schemas)]
    return tools_section([functions(tools)], strict=False)


def chain(length: int) -> dict[str, Any]:
    """Definitions that lead from one to the next."""
    inner = {
        f"d{n}": {"type": "object", "properties": {"x": {"$ref": f"#/$defs/d{n + 1}"}}}
        for n in range(length)
    }
    return {"properties": {"x": {"$ref": "#/$defs/d0"}}, "$defs": {**inner, f"d{length}": STRING}}


def test_references_that_lead_too_deep_are_refused() -> None:
    assert declare(chain(60)).count("x?: ") == 61
    for length in (70, 200, 900):
        with pytest.raises(MessageError, match="nested deeper than 64 levels with each"):
            declare(chain(length))
    variants = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}, STRING]} for n in range(300)}
    with pytest.raises(MessageError, match="nested deeper than 64 levels with each"):
        declare({"properties": {"x": {"$ref": "#/$defs/d0"}}, "$defs": variants})


def test_what_references_stand_for_has_a_limit_over_all_tools() -> None:
    schema = {
        "properties": {f"p{n}": {"$ref": "#/$defs/d"} for n in range(100)},
        "$defs": {"d": {"type": "string", "description": "x" * 2000}},
    }
    assert len(declare(schema)) > 200_000
    num_tools = MAX_CHARACTERS // 200_000 + 1
    with pytest.raises(
        MessageError, match=r"with which those of all tools, each \$ref written out"
    ):
        declare(*[schema] * num_tools)


@pytest.mark.parametrize("index", ["0" * 5000, "9", "x", "\u00b2", "0/y"])
def test_references_to_nothing(index: str) -> None:
    schema = {"properties": {"x": {"$ref": f"#/list/{index}"}}, "list": [STRING]}
    assert "x?: any," in declare(schema)


def test_a_place_that_is_spelled_in_several_ways_has_one_name() -> None:
    tree = {"properties": {"a": {"$ref": "#/list/0"}, "b": {"$ref": "#/list/00"}}}
    text = declare({"properties": {"c": {"$ref": "#/list/0"}}, "list": [tree]})
    assert "type 0 = {\na?: 0,\nb?: 0,\n};" in text
    assert text.count(" = ") == 2


def test_several_kinds_of_all_are_written_once() -> None:
    kinds = ["object", "string", "null"]
    schema = {"type": kinds, "allOf": [{"type": kinds, "allOf": [STRING]}]}
    assert "x?: (object | string | null) & ((object | string | null) & string)," in declare(
        {"properties": {"x": schema}}
    )


def test_kinds_that_there_are_not_mean_nothing() -> None:
    schema = {"type": ["thing", "string", "other", "integer", "number"]}
    assert "x?: any," in declare({"properties": {"x": schema}})


def test_definitions_of_one_name_are_numbered() -> None:
    def tree(kind: str) -> dict[str, Any]:
        node = {"properties": {"next": {"$ref": "#/$defs/Node"}, "value": {"type": kind}}}
        return {"properties": {"p": {"$ref": "#/$defs/Node"}}, "$defs": {"Node": node}}

    text = declare(tree("string"), tree("number"), tree("string"), tree("boolean"))
    assert [text.count(f"type {name} = ") for name in ("Node", "Node_2", "Node_3", "Node_4")] == [
        *(1, 1, 1, 0)
    ]
    assert text.count("p?: Node,") == 2


@settings(max_examples=examples(200))
@given(st.dictionaries(st.integers(0, 7), st.lists(st.integers(0, 7), max_size=3), max_size=8))
def test_pointers_that_come_back(leads: dict[int, list[int]]) -> None:
    definitions = {
        f"d{node}": {"anyOf": [{"$ref": f"#/$defs/d{other}"} for other in others]}
        for node, others in leads.items()
    }
    root = {"items": {"$ref": "#/$defs/d0"}, "$defs": definitions}
    reached = {0} | {other for other in range(8) if other in _reached(leads, 0)}
    wanted = {f"#/$defs/d{node}" for node in reached if node in _reached(leads, node)}
    assert set(recursive_pointers(root)) == wanted


def _reached(leads: dict[int, list[int]], start: int) -> set[int]:
    found: set[int] = set()
    for _ in range(9):
        found |= set(itertools.chain.from_iterable(leads.get(n, ()) for n in found | {start}))
    return found


def test_schemas_have_a_limit_over_all_tools() -> None:
    schema = {"properties": {"p": {"type": "string", "description": "x" * 500_000}}}
    assert len(declare(*[schema] * 4)) > 2_000_000
    with pytest.raises(MessageError, match="got parameters of f4 with which those of all tools"):
        declare(*[schema] * 5)
