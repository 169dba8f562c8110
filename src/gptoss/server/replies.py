"""What all replies have in common: their types are written once, and are sent and documented from there."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

# Of a field that only some replies have. One that is null is there.
ABSENT: Any = None
# A reply that has no type yet.
Json = dict[str, object]

UnixSeconds = Annotated[int, Field(description="Seconds since 1970, UTC.")]
Count = Annotated[int, Field(ge=0)]
Nothing = Annotated[list[Any], Field(max_length=0, description="Always empty.")]


class Reply(BaseModel):
    """An object of a reply. It has no fields but those that are here, and all of them but the ABSENT ones."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True, defer_build=True)

    def written(self) -> bytes:
        """The object as JSON; fields that it was not given are absent."""
        return self.__pydantic_serializer__.to_json(self, exclude_unset=True)


def sent(reply: Reply, status: int = 200) -> Response:
    """The HTTP reply that has it as its body."""
    return Response(reply.written(), status, media_type="application/json")
