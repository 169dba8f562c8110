"""Requests for containers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from gptoss.forms import Refused, unless
from gptoss.server.containers.containers import IDLE_MINUTES
from gptoss.server.wire import RequestBody, Wire
from gptoss.server.wire_errors import invalid

_MOST_FILES = 64
_UNREAD = {
    "network_policy": Refused(
        "a container has no network; leave it out, or say {'type': 'disabled'}",
        unless({"type": "disabled"}),
    ),
    "skills": Refused("there are none; put files into the container"),
}


class IdleTime(Wire):
    """When a container is gone."""

    anchor: Literal["last_active_at"]
    minutes: Annotated[int, Field(ge=1, le=IDLE_MINUTES)]
    """Without use."""


class ContainerRequest(RequestBody):
    """The body of `/v1/containers`."""

    unread = _UNREAD

    name: Annotated[str, Field(min_length=1, max_length=256)]
    """For people."""
    expires_after: IdleTime | None = None
    """Nothing: after 20 minutes without use."""
    file_ids: Annotated[list[str], Field(max_length=_MOST_FILES)] | None = None
    """Files of `/v1/files` that are copied into `/mnt/data`."""
    memory_limit: Literal["1g"] | None = None
    """There is not more."""


class ContainerFileRequest(RequestBody):
    """The body of a container's `/files`, where it is JSON."""

    file_id: str
    """A file of `/v1/files`, which is copied into `/mnt/data`."""


def file_request(given: Any) -> ContainerFileRequest:
    """The request in a body. Raises ApiError for what is wrong with it."""
    try:
        return ContainerFileRequest.model_validate(given)
    except ValidationError as error:
        raise invalid(error.errors(), given) from None
