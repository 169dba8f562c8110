"""Keywords as older drafts and other writers have them, in the form that they have today."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gptoss.schemas.keywords import is_list, is_number

# Where null is a value, or what it means cannot be told.
_MAY_BE_NULL = ("const", "default", "example", "type")


def modern(part: Mapping[str, object]) -> tuple[dict[str, Any], dict[str, str]]:
    """The keywords of one schema in today's form, and those that bear another name than what they were made of.

    Null is no value: languages write it for a list or an object that is not there.
    """
    found = {
        name: value for name, value in part.items() if value is not None or name in _MAY_BE_NULL
    }
    renamed: dict[str, str] = {}
    _read_bounds(found)
    _read_tuple(found, renamed)
    _read_any(found)
    _read_required(found)
    if found.get("nullable") is False:
        del found["nullable"]
    if "example" in found:
        found.setdefault("examples", [found["example"]])
    return found, renamed


def _read_bounds(found: dict[str, Any]) -> None:
    """Draft 4: `exclusiveMinimum` says of `minimum` whether it counts."""
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(found.get(exclusive), bool):
            is_exclusive = found.pop(exclusive)
            if is_exclusive and is_number(found.get(bound)):
                found[exclusive] = found.pop(bound)


def _read_tuple(found: dict[str, Any], renamed: dict[str, str]) -> None:
    """Draft 2019-09 and before: `items` may be a list, and `additionalItems` what comes after."""
    items = found.get("items")
    if not is_list(items) or "prefixItems" in found:
        return
    del found["items"]
    if items:
        found["prefixItems"] = items
        renamed["prefixItems"] = "items"
    if "additionalItems" in found:
        found["items"] = found.pop("additionalItems")
        renamed["items"] = "additionalItems"


def _read_any(found: dict[str, Any]) -> None:
    """Draft 3: there is a type of that name."""
    kind = found.get("type")
    if "any" in (kind if isinstance(kind, list | tuple) else (kind,)):
        del found["type"]


def _read_required(found: dict[str, Any]) -> None:
    """Draft 3: a property says itself whether it must be there."""
    properties, required = found.get("properties"), found.get("required", [])
    if not isinstance(properties, Mapping) or not is_list(required):
        return
    there = {name for name in required if isinstance(name, str)}
    named = [name for name, each in properties.items() if says_required(each)]
    further = [name for name in named if name not in there]
    if further:
        found["required"] = [*required, *further]


def says_required(part: object) -> bool:
    """Whether a property says itself that it must be there."""
    return isinstance(part, Mapping) and part.get("required") is True
