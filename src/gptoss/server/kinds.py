"""Unions of objects that say in one of their fields which of them they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

# What `faults` knows these errors by.
UNKNOWN_KIND = "unknown_kind"


@dataclass(frozen=True, slots=True)
class Kinds:
    """As an annotation of a union of models, or a single one: that is checked which a field names, and no other.

    field    has a literal type in each of the models
    unnamed  which it is where the field is absent or null; None: an error
    but      what is said of a name that none of them has, before the names that are wanted
    refusal  what is said of one instead of these; None: nothing
    """

    field: str
    unnamed: str | None = None
    but: str = ""
    refusal: Callable[[object], str | None] | None = None

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """A tagged union, whose error `faults` can tell."""
        choices = {
            name: handler.generate_schema(model)
            for model in get_args(source) or (source,)
            for name in _literals(model.model_fields[self.field].annotation)
        }
        told: dict[str, Any] = {
            "field": self.field,
            "wanted": list(choices),
            "but": self.but,
            "refusal": self.refusal,
        }
        return core_schema.tagged_union_schema(
            choices,
            self._name_of,
            custom_error_type=UNKNOWN_KIND,
            custom_error_message="of no known kind",
            custom_error_context=told,
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """By the field, if all of them have it; a single model's own."""
        assert schema["type"] == "tagged-union"
        choices = schema["choices"]
        if len(choices) == 1:
            return handler(core_schema.union_schema(list(choices.values())))
        if self.unnamed is not None:
            return handler(schema)
        return handler(core_schema.tagged_union_schema(choices, self.field))

    def _name_of(self, given: object) -> object:
        """The name in an object.

        That this is Python lets other threads run now and then: a body may have hundreds of thousands of objects, and
        pydantic alone would keep all others waiting until it is through with them.
        """
        name = given.get(self.field) if isinstance(given, dict) else None
        return self.unnamed if name is None else name


def _literals(annotation: Any) -> Iterator[str]:
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    else:
        for each in get_args(annotation):
            yield from _literals(each)
