"""Which parts of a value its type reads, and what of it is not read: followed from the types themselves."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Protocol, Union, get_args, get_origin, runtime_checkable

from pydantic import BaseModel

from gptoss.errors import shortened, shown
from gptoss.forms.fates import UNKNOWN, Ignored, Unread
from gptoss.forms.faults import PART_CHARACTERS
from gptoss.forms.form import Form
from gptoss.forms.kinds import Kinds

Path = tuple[str | int, ...]
Choose = Callable[[Mapping[str, Any]], type[BaseModel] | None]


@dataclass(frozen=True, slots=True)
class Found:
    """A field, or a whole object, that was not read."""

    path: Path
    value: object
    fate: Unread


@dataclass(frozen=True, slots=True)
class Reading:
    """How a type reads objects and lists.

    choose  returns which model reads an object; None: objects are not looked into
    field   by which it chooses, and which is read
    items   how those of a list are read
    """

    choose: Choose | None = None
    field: str | None = None
    items: Reading | None = None


@runtime_checkable
class ReadAs(Protocol):
    """An annotation: a value is read as another type, of which the field's own is made."""

    read_as: Any


def unread(kind: Any, value: object) -> Iterator[Found]:
    """What is not read of a value that a type took, in its order."""
    reading = reading_of(kind)
    return iter(()) if reading is None else _in_value(reading, value, ())


def place_of(path: Path) -> str:
    """A path as it is told."""
    return ".".join(shortened(str(part), PART_CHARACTERS) for part in path)


def refusal_of(found: Found) -> tuple[str, str]:
    """The place of what is refused, and what is to be said of it."""
    return place_of(
        found.path
    ), f"got {shown(found.value)}, which is not supported: {found.fate.why}"


def reading_of(kind: Any) -> Reading | None:
    """How a type reads; None where there is no object in it that has fields of its own."""
    return _reading(kind, ())


@functools.cache
def fields_of(model: type[BaseModel]) -> Mapping[str, Reading | None]:
    """The fields that a model reads, as they are called outside, and how."""
    return {
        field.alias or name: _reading(field.annotation, tuple(field.metadata))
        for name, field in model.model_fields.items()
    }


def fates_of(model: type[BaseModel]) -> Mapping[str, Unread]:
    """The fields that a model knows and does not read."""
    return model.unread if issubclass(model, Form) else {}


def _in_value(reading: Reading, value: object, path: Path) -> Iterator[Found]:
    if isinstance(value, list):
        if reading.items is not None:
            for index, each in enumerate(value):
                yield from _in_value(reading.items, each, (*path, index))
    elif isinstance(value, dict) and reading.choose is not None:
        model = reading.choose(value)
        if model is not None:
            yield from _in_object(model, reading.field, value, path)


def _in_object(
    model: type[BaseModel], chosen_by: str | None, value: Mapping[str, Any], path: Path
) -> Iterator[Found]:
    if issubclass(model, Form) and model.left_out is not None:
        yield Found(path, value, Ignored(model.left_out))
        return
    fields, fates = fields_of(model), fates_of(model)
    for name, each in value.items():
        fate = fates.get(name, None if name in fields or name == chosen_by else UNKNOWN)
        if fate is not None:
            if not fate.is_harmless(each):
                yield Found((*path, name), each, fate)
            continue
        reading = fields.get(name)
        if reading is not None and each:
            yield from _in_value(reading, each, (*path, name))


def _reading(kind: Any, annotations: tuple[Any, ...]) -> Reading | None:
    """How a type with annotations reads."""
    for each in annotations:
        if isinstance(each, ReadAs):
            return _reading(each.read_as, ())
    kinds = next((each for each in annotations if isinstance(each, Kinds)), None)
    if kinds is not None:
        return Reading(kinds.chooser(kind), kinds.field)
    if hasattr(kind, "__value__"):
        return _reading(kind.__value__, ())
    origin = get_origin(kind)
    if origin is Annotated:
        inner, *more = get_args(kind)
        return _reading(inner, tuple(more))
    if origin in (Union, UnionType):
        return _either([_reading(each, ()) for each in get_args(kind)])
    if origin is list:
        items = _reading(get_args(kind)[0], ())
        return None if items is None else Reading(items=items)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return Reading(lambda _: kind)
    return None


def _either(readings: list[Reading | None]) -> Reading | None:
    """One for all members of a union, of which one has objects, and one has lists."""
    found = [each for each in readings if each is not None]
    if len(found) < 2:
        return found[0] if found else None
    objects = [each for each in found if each.choose is not None]
    lists = [each for each in found if each.items is not None]
    assert max(len(objects), len(lists)) < 2, "wanted Kinds around models of a union"
    return Reading(
        objects[0].choose if objects else None,
        objects[0].field if objects else None,
        lists[0].items if lists else None,
    )
