"""What an upload says beside its file."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from gptoss.server.files.types import Purpose
from gptoss.server.wire import RequestBody, Wire
from gptoss.server.wire_errors import invalid

_BATCH_S = 30 * 86400


class FileExpiry(Wire):
    """When a file is forgotten."""

    anchor: Literal["created_at"]
    seconds: Annotated[int, Field(ge=3600, le=2_592_000)]
    """After it was made: an hour to 30 days."""


class FileFields(RequestBody):
    """The fields of `/v1/files` beside `file`."""

    purpose: Purpose
    expires_after: FileExpiry | None = None
    """Nothing: 30 days for `batch`, and until it is deleted for all others."""

    @property
    def expires_s(self) -> float | None:
        """Seconds for which it is kept; None: until it is deleted."""
        if self.expires_after is not None:
            return self.expires_after.seconds
        return _BATCH_S if self.purpose == "batch" else None


def file_fields(given: dict[str, Any]) -> FileFields:
    """The fields of a form, which has numbers as text. Raises ApiError for what is wrong with them."""
    expiry = given.get("expires_after")
    if isinstance(expiry, dict) and re.fullmatch("[0-9]{1,18}", str(expiry.get("seconds"))):
        given = {**given, "expires_after": {**expiry, "seconds": int(expiry["seconds"])}}
    try:
        return FileFields.model_validate(given)
    except ValidationError as error:
        raise invalid(error.errors(), given) from None
