"""A schema that was read, in the words of the grammar's compiler."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gptoss.schemas import Schema
from gptoss.schemas.keywords import TOLD
from gptoss.schemas.places import INSIDE, LISTS, NAMED
from gptoss.structured.patterns import ascii_space
from gptoss.structured.string_formats import narrowed

# Between the parts of JSON: nothing, a space, or a new line and its indentation; more would only fill an answer.
_WHITESPACE = r"(\x20|\x0D?\x0A[\x20\x09]{0,40})?"
# What may hold null back, beside the type.
_COMBINING = ("const", "anyOf", "oneOf", "allOf", "$ref")


def grammar_form(schema: Schema, definitions: Mapping[str, Schema] | None = None) -> dict[str, Any]:
    """The schema as the compiler takes it.

    definitions  what its references lead to; None: its own
    """
    if isinstance(schema, bool):
        form: dict[str, Any] = {} if schema else {"not": {}}
        own: Mapping[str, Schema] = {}
    else:
        form = _formed(schema)
        own = schema.get("$defs", {})  # type: ignore[assignment]
    named = own if definitions is None else definitions
    options = {"whitespace_pattern": _WHITESPACE, "lenient": False, "coerce_one_of": False}
    return {
        **form,
        "$defs": {name: _form(each) for name, each in named.items()},
        "x-guidance": options,
    }


def as_text(grammars: Mapping[str, Mapping[str, object]]) -> str:
    """Named grammars as llguidance reads them."""
    return json.dumps({"grammars": [{"name": name, **each} for name, each in grammars.items()]})


def _form(schema: object) -> object:
    return _formed(schema) if isinstance(schema, Mapping) else schema


def _formed(part: Mapping[str, Any]) -> dict[str, Any]:
    form: dict[str, Any] = {}
    further: list[object] = []
    for name, value in part.items():
        if name in INSIDE:
            form[name] = _form(value)
        elif name in LISTS:
            form[name] = [_form(each) for each in value]
        elif name in NAMED:
            form[name] = {key: _form(each) for key, each in value.items()}
        elif name == "pattern":
            form[name] = ascii_space(value)
        elif name == "format":
            own, beside = narrowed(value)
            form |= {} if own is None else {"format": own}
            further += beside
        elif name not in (*TOLD, "nullable", "$defs"):
            form[name] = value
    if further:
        form["allOf"] = [*form.get("allOf", ()), *further]
    _narrow_multiples(form)
    return _with_null(form) if part.get("nullable") else form


def _narrow_multiples(form: dict[str, Any]) -> None:
    """Multiples of a whole number are whole, which the compiler has to be told."""
    multiple = form.get("multipleOf")
    if multiple is not None and float(multiple).is_integer():
        kinds = form["type"] if isinstance(form["type"], list) else [form["type"]]
        kinds = ["integer" if kind == "number" else kind for kind in kinds]
        form["type"] = kinds[0] if len(kinds) == 1 else list(dict.fromkeys(kinds))


def _with_null(form: dict[str, Any]) -> dict[str, Any]:
    """Null as well, whatever else is said."""
    if any(name in form for name in _COMBINING):
        return {"anyOf": [form, {"type": "null"}]}
    kind = form.get("type", [])
    kinds = [kind] if isinstance(kind, str) else kind
    form |= {"type": [*kinds, *(["null"] if "null" not in kinds else [])]} if kinds else {}
    if "enum" in form and None not in form["enum"]:
        form["enum"] = [*form["enum"], None]
    return form
