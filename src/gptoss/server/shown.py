"""What the OpenAPI document says of a field that has a reader of its own, which tells errors better than a type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import GetJsonSchemaHandler, TypeAdapter
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema


@dataclass(frozen=True, slots=True)
class Shown:
    """As an annotation: the document shows the field as `kind`. What is checked stays what the field's type is."""

    kind: Any

    def __get_pydantic_json_schema__(
        self, _: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        # Alone in a union, a model becomes a reference, as it does elsewhere.
        return handler(core_schema.union_schema([TypeAdapter(self.kind).core_schema]))
