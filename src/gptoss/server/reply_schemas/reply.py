"""What all schemas of replies have in common."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

# Of a field that only some replies have. One that is null is there.
ABSENT: Any = None

UnixSeconds = Annotated[int, Field(description="Seconds since 1970, UTC.")]
Count = Annotated[int, Field(ge=0)]
Nothing = Annotated[list[Any], Field(max_length=0, description="Always empty.")]


class Reply(BaseModel):
    """An object of a reply. It has no fields but those that are here, and all of them but the ABSENT ones."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True, defer_build=True)
