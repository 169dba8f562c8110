"""Checks of request bodies that end at the first thing that is wrong.

pydantic makes an error object for each wrong element: four million take a minute and gigabytes. Who asked is told of
the first one alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, GetCoreSchemaHandler
from pydantic_core import CoreSchema

# Kinds of schemas that have elements.
MANY = ("list", "set", "frozenset", "tuple", "dict")


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    """A core schema and all schemas in it."""
    waiting, seen = [schema], set()
    while waiting:
        part = waiting.pop()
        if id(part) in seen or not isinstance(part, dict | list | tuple):
            continue
        seen.add(id(part))
        if isinstance(part, dict):
            is_schema = isinstance(part.get("type"), str)
            if is_schema:
                yield part
            # A schema's own metadata are for documents; a field may have that name too.
            waiting += [each for name, each in part.items() if not is_schema or name != "metadata"]
        else:
            waiting += part


class FailFast(BaseModel):
    """A model whose lists and objects end at their first wrong element."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """pydantic's schema of the model, changed where it would go on."""
        schema = handler(source)
        for part in list(parts(schema)):
            if part["type"] in MANY:
                part["fail_fast"] = True
        return schema
