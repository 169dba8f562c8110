"""Where schemas stand inside a schema, and where its references lead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias
from urllib.parse import unquote

Schema: TypeAlias = Mapping[str, object] | bool

# As a value, in a list, or by name.
INSIDE = ("items", "additionalProperties")
LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
NAMED = ("properties", "patternProperties")
# Of older drafts, and of keywords that are not held to: counted in what a schema may have.
_ANY_INSIDE = frozenset(
    {
        *INSIDE,
        *("additionalItems", "contains", "propertyNames", "not", "if", "then", "else"),
        *("unevaluatedItems", "unevaluatedProperties"),
    }
)
_ANY_LISTS = frozenset({*LISTS, "items"})
_ANY_NAMED = frozenset({*NAMED, "$defs", "definitions", "dependentSchemas"})
_LONGEST_INDEX = 9


def parts(schema: object) -> Iterator[tuple[dict[str, Any], int]]:
    """Every schema inside a schema, itself first, in the order of their text, and how deep it lies."""
    waiting = [(schema, 1)]
    while waiting:
        part, depth = waiting.pop()
        if isinstance(part, dict):
            yield part, depth
            waiting += [(each, depth + 1) for each in reversed(_all_inside(part))]


def inside(part: Mapping[str, Any]) -> Iterator[object]:
    """The schemas right inside one that was read, its definitions apart."""
    yield from (part[name] for name in INSIDE if name in part)
    for name in LISTS:
        yield from part.get(name, ())
    for name in NAMED:
        yield from part.get(name, {}).values()


def _all_inside(part: dict[str, Any]) -> list[object]:
    found: list[object] = []
    for name, value in part.items():
        if isinstance(value, dict):
            if name in _ANY_NAMED:
                found += value.values()
            elif name in _ANY_INSIDE:
                found.append(value)
        elif name in _ANY_LISTS and isinstance(value, list):
            found += value
    return found


def resolve(root: object, pointer: str) -> object:
    """The value inside a schema that a reference leads to; None for one that leads elsewhere or nowhere."""
    if not pointer.startswith("#"):
        return None
    found = root
    for step in unquote(pointer[1:]).split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping) and key in found:
            found = found[key]
        elif isinstance(found, tuple | list) and _is_index(key) and int(key) < len(found):
            found = found[int(key)]
        else:
            return None
    return found


def stepped(path: str, *steps: str | int) -> str:
    """A JSON pointer, further steps at its end."""
    further = (str(step).replace("~", "~0").replace("/", "~1") for step in steps)
    return "/".join((path, *further))


def _is_index(key: str) -> bool:
    return len(key) <= _LONGEST_INDEX and key.isdecimal()
