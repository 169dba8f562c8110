"""Schemas of the OpenAPI document as HTML: their fields, and what these are."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from html import escape
from typing import Any

Json = dict[str, Any]

_FIXED = {"const", "enum"}
# The least and the most of something, and what of.
_BOUNDS = (
    ("exclusiveMinimum", "", ""),
    ("minimum", "maximum", ""),
    ("minItems", "maxItems", ""),
    ("minLength", "maxLength", " characters"),
    ("minProperties", "maxProperties", ""),
)


class Fields:
    """Writes the schemas of one document, each in one place, to which others lead.

    A body's type stands with the first route that has it, what is used once where it is used, the rest among the types.
    """

    def __init__(self, document: Json) -> None:
        self._schemas: Json = document["components"]["schemas"]
        self._num_uses = Counter(_references(document))
        self._written: set[str] = set()

    def types(self) -> str:
        """All that stands nowhere else; to be called last."""
        return "".join(
            f'<section class="type" id="type-{escape(name)}"><h3>{escape(name)}</h3>'
            f"{_about(schema)}{self.fields(schema)}</section>"
            for name, schema in self._schemas.items()
            if not self._is_inline(name) and name not in self._written
        )

    def whole(self, schema: Json) -> str:
        """What a body is: its fields, or the name of its type where that stands elsewhere."""
        name = _name(schema)
        if not name or name in self._written:
            return self._options(schema)
        self._written.add(name)
        found = self._schemas[name]
        return f'<div id="type-{escape(name)}">{_about(found)}{self.fields(found)}</div>'

    def fields(self, schema: Json) -> str:
        """The fields of an object, or what else it may be."""
        rows = "".join(
            self._row(name, field, is_needed=name in schema.get("required", ()))
            for name, field in schema.get("properties", {}).items()
        )
        if rows:
            return f'<ul class="fields">{rows}</ul>'
        return self._options(schema) if "anyOf" in schema or "oneOf" in schema else ""

    def row(self, name: str, schema: Json, text: str, *, is_needed: bool) -> str:
        """A field or a parameter."""
        star = ' <span class="must" title="must be there">*</span>' if is_needed else ""
        about = f'<div class="about">{prose(text)}</div>' if text else ""
        return (
            f'<li><div class="name"><code><b>{escape(name)}</b></code>{star}</div>'
            f'<div class="kind">{self.kind(schema)}</div>{about}{self._inner(schema)}</li>'
        )

    def kind(self, schema: Json) -> str:
        """A type in a few words."""
        name = _name(schema)
        if name:
            shown = escape(name)
            return shown if self._is_inline(name) else f'<a href="#type-{shown}">{shown}</a>'
        options = [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())]
        if options:
            return " or ".join(dict.fromkeys(self.kind(option) for option in options))
        if "const" in schema:
            return _value(schema["const"])
        if "enum" in schema:
            return ", ".join(_value(value) for value in schema["enum"])
        kind = schema.get("type", "anything")
        kind = " or ".join(kind) if isinstance(kind, list) else kind
        if kind == "array":
            items = schema.get("items", {})
            kind = f"list of {self.kind(items)}" if items and items != {} else "list"
        elif kind == "object" and isinstance(schema.get("additionalProperties"), dict):
            kind = f"object of {self.kind(schema['additionalProperties'])}"
        if "pattern" in schema:
            kind += f" like {_value(schema['pattern'])}"
        default = schema.get("default")
        told = [] if default is None else [f"default {_value(default)}"]
        return ", ".join([kind, *_bounds(schema), *told])

    def _row(self, name: str, schema: Json, *, is_needed: bool) -> str:
        return self.row(name, schema, schema.get("description", ""), is_needed=is_needed)

    def _options(self, schema: Json) -> str:
        """What a schema without fields may be; those that stand here are not named before."""
        options = schema.get("anyOf") or schema.get("oneOf") or ()
        is_here = options and all(self._is_inline(_name(option)) for option in options)
        kind = "" if is_here else f'<p class="kind">{self.kind(schema)}</p>'
        return kind + self._inner(schema)

    def _inner(self, schema: Json) -> str:
        """The types inside a field that stand nowhere else."""
        return "".join(
            self._folded(name) for name in dict.fromkeys(_direct(schema)) if self._is_inline(name)
        )

    def _folded(self, name: str) -> str:
        schema = self._schemas[name]
        kind = schema.get("properties", {}).get("type", {})
        told = f' <span class="kind">{self.kind(kind)}</span>' if kind.keys() & _FIXED else ""
        return (
            f'<details class="inner"><summary>{escape(name)}{told}</summary>'
            f"{_about(schema)}{self.fields(schema)}</details>"
        )

    def _is_inline(self, name: str) -> bool:
        return self._num_uses[name] == 1 and name not in self._written


def _references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if name := _name(value):
            yield name
        for key, each in value.items():
            # A discriminator names its options a second time.
            if key != "discriminator":
                yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)


def _direct(schema: Json) -> Iterator[str]:
    """Types that are named in a schema, and not in those types again."""
    if name := _name(schema):
        yield name
    for key in ("anyOf", "oneOf", "allOf"):
        for option in schema.get(key, ()):
            yield from _direct(option)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from _direct(schema[key])


def _name(schema: Json) -> str:
    reference = schema.get("$ref")
    is_schema = isinstance(reference, str) and "/schemas/" in reference
    return str(reference).rpartition("/")[2] if is_schema else ""


def _about(schema: Json) -> str:
    text = schema.get("description", "")
    return f"<p>{prose(text)}</p>" if text else ""


def prose(text: str) -> str:
    """What stands between backquotes is code."""
    parts = escape(text).split("`")
    return "".join(
        f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts)
    )


def _bounds(schema: Json) -> Iterator[str]:
    for least, most, unit in _BOUNDS:
        low, high = schema.get(least), schema.get(most)
        if low is not None and low == high:
            yield "always empty" if low == 0 else f"just {_number(low)}{unit}"
        elif high == 0:
            yield "always empty"
        elif low is not None and high is not None:
            yield f"{_number(low)} to {_number(high)}{unit}"
        elif low == 1 and least in ("minItems", "minLength"):
            yield "not empty"
        elif low is not None:
            yield (
                f"above {_number(low)}" if "exclusive" in least else f"{_number(low)}{unit} or more"
            )
        elif high is not None:
            yield f"at most {_number(high)}{unit}"


def _number(value: float) -> str:
    return f"{int(value) if float(value).is_integer() else value:,}"


def _value(value: object) -> str:
    if isinstance(value, str):
        return f"<code>{escape(value)}</code>" if value else "empty"
    return escape(json.dumps(value))
