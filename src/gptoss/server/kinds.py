"""Unions of objects that say in one of their fields which of them they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

# What `faults` knows these errors by.
UNKNOWN_KIND = "unknown_kind"


@dataclass(frozen=True, slots=True)
class Kinds:
    """As an annotation of a union of models: the one is checked that a field names, and no other one's faults are told.

    field    has a literal type in each of the models
    unnamed  which it is where the field is absent or null; None: an error
    refusal  what is said of a name that none of them has, behind `got NAME, `; None: the names that are wanted
    """

    field: str
    unnamed: str | None = None
    refusal: Callable[[object], str | None] = lambda _: None

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """A tagged union, whose error `faults` can tell."""
        choices = {
            name: handler.generate_schema(model)
            for model in get_args(source)
            for name in _literals(model.model_fields[self.field].annotation)
        }
        told: dict[str, Any] = {
            "field": self.field,
            "wanted": list(choices),
            "refusal": self.refusal,
        }
        return core_schema.tagged_union_schema(
            choices,
            self.field if self.unnamed is None else self._name_of,
            custom_error_type=UNKNOWN_KIND,
            custom_error_message="of no known kind",
            custom_error_context=told,
        )

    def _name_of(self, given: object) -> object:
        name = given.get(self.field) if isinstance(given, Mapping) else None
        return self.unnamed if name is None else name


def _literals(annotation: Any) -> Iterator[str]:
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    else:
        for each in get_args(annotation):
            yield from _literals(each)
