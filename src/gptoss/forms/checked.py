"""Values of Python callers, checked as those of requests are."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, cast

from pydantic import BaseModel, ValidationError, create_model

from gptoss.forms.fates import Refused
from gptoss.forms.faults import fault_of
from gptoss.forms.form import Form
from gptoss.forms.reading import refusal_of, unread

# Deeper ones are refused elsewhere, and must not meet the interpreter's own limit here.
_MOST_LEVELS = 64


def checked(kind: Any, value: object, name: str, error: type[Exception]) -> Any:
    """The value as an object of a type; one that is so already is returned as it is.

    Unlike in JSON, objects may be any mappings, and lists any sequences.

    name  what the value is called

    Raises `error` with the place of the first thing that is wrong, what was got there, and what was wanted; likewise
    for a field that is refused.
    """
    holder: Any = _holder(kind)
    given = {"value": value}
    try:
        made = holder.model_validate(given).value
    except ValidationError:
        given = {"value": _plain(value)}
        try:
            made = holder.model_validate(given).value
        except ValidationError as fault:
            wrong = fault_of(cast(Any, fault.errors(include_url=False)), given)
            told = f"{name}{wrong.place.removeprefix('value')}: {wrong.told}"
            raise error(told) from None
    for found in unread(kind, given["value"]):
        if isinstance(found.fate, Refused):
            place, told = refusal_of(found)
            raise error(f"{name}.{place}: {told}")
    return made


@functools.cache
def _holder(kind: Any) -> type[BaseModel]:
    """A model of that one field: lists end at their first wrong element in models."""
    return create_model("Holder", __base__=Form, value=(kind, ...))


def _plain(value: object, levels: int = _MOST_LEVELS) -> object:
    """The same in plain dicts and lists."""
    match value:
        case Mapping() if levels:
            return {key: _plain(item, levels - 1) for key, item in value.items()}
        case str() | bytes():
            return value
        case Sequence() if levels:
            return [_plain(item, levels - 1) for item in value]
    return value
