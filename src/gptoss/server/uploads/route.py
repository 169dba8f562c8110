"""Routes that read a form with a file themselves, piece by piece: the guard reads such a body for none of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.responses import Response
from starlette.datastructures import Headers
from starlette.types import Scope

from gptoss.errors import shown
from gptoss.server.body_route import BodyRoute
from gptoss.server.wire_errors import ApiError

FORM = "multipart/form-data"


class UploadRoute(BodyRoute):
    """A route that takes a form as well as JSON, if it takes that."""


def takes_form(scope: Scope) -> bool:
    """Whether the body of a request to such a route is a form, and not JSON. Raises ApiError for another type."""
    kind = Headers(scope=scope).get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (FORM, "application/json", ""):
        raise ApiError(415, f"got the content type {shown(kind, 100)}, wanted {FORM}")
    return kind == FORM


def add_upload(
    app: FastAPI,
    path: str,
    endpoint: Callable[..., Awaitable[Response]],
    *,
    tag: str,
    contents: Mapping[str, Any],
) -> None:
    """Add a POST route; `contents`: schemas of what it takes, by media type."""
    content = {kind: {"schema": schema} for kind, schema in contents.items()}
    app.router.add_api_route(
        path,
        endpoint,
        methods=["POST"],
        tags=[tag],
        response_model=None,
        route_class_override=UploadRoute,
        openapi_extra={"requestBody": {"required": True, "content": content}},
    )
