"""Objects that requests have as well as replies: one type says both, and in what they are not alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import (
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidatorFunctionWrapHandler,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from gptoss.forms import Form
from gptoss.server.replies import Reply

_Kind = TypeVar("_Kind")
_NULL: JsonSchemaValue = {"type": "null"}


class Exchanged(Form, Reply):
    """An object of a request and of replies. In a request it may have more fields, which are ignored."""

    model_config = ConfigDict(extra="ignore", json_schema_serialization_defaults_required=True)

    def written(self) -> bytes:
        """The object as JSON. Only fields that are `Maybe` there are ever absent."""
        return self.__pydantic_serializer__.to_json(self)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """pydantic's; replies have no fields but those that are here."""
        made = handler(schema)
        if handler.mode == "serialization":
            handler.resolve_ref_schema(made)["additionalProperties"] = False
        return made


@dataclass(frozen=True, slots=True)
class IfNull:
    """As an annotation: null in a request, or nothing, is this value."""

    value: Any

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """The type's own schema, with a default."""

        def given(value: object) -> object:
            return self.value if value is None else value

        inner = core_schema.no_info_before_validator_function(given, handler(source))
        return core_schema.with_default_schema(inner, default=self.value)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The type's own; in a request, with null."""
        made = _without_default(handler(schema))
        return {"anyOf": [made, _NULL]} if handler.mode == "validation" else made


class _NeverNull:
    """As an annotation: null is only in requests."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The type's own; in a reply, without null."""
        made = handler(schema)
        if handler.mode == "validation":
            return made
        (only,) = (each for each in made["anyOf"] if each != _NULL)
        return dict(only)


# Of a field that a reply has only where it is given. In a request, null says nothing.
Maybe = Annotated[_Kind | None, _NeverNull(), Field(exclude_if=lambda value: value is None)]


@dataclass(frozen=True, slots=True)
class OrElse:
    """As an annotation: whatever a request has there that is not of the type, or nothing, is this value."""

    value: Any

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """The type's own schema, which never fails."""
        return core_schema.with_default_schema(
            handler(source), default=self.value, on_error="default"
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The type's own; in a request, of anything."""
        return {} if handler.mode == "validation" else _without_default(handler(schema))


@dataclass(frozen=True, slots=True)
class Sent:
    """As an annotation: a request has `read_as`, of which the field's type is made. Replies are made of that itself.

    read   returns what the type takes
    """

    read_as: Any
    read: Callable[[Any], Any]

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """What was sent, then what is made of it; the document shows the one of a request and the other of a reply."""

        def read(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
            is_made = isinstance(value, list) and value and isinstance(value[0], Reply)
            return value if is_made else self.read(check(value))

        sent = handler.generate_schema(self.read_as)
        steps = [core_schema.no_info_wrap_validator_function(read, sent), handler(source)]
        return core_schema.chain_schema(steps)


def _without_default(made: JsonSchemaValue) -> JsonSchemaValue:
    """Defaults say nothing of a reply, and annotations say what a request may leave out."""
    return {name: each for name, each in made.items() if name != "default"}
