"""Files that were built from `web/`, served from memory and to everybody, since they hold no secret."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import cache, cached_property
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import Response

# By name's ending: what a machine's own tables say of them differs.
_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
# The name of each in there has a hash of what is in it.
_ASSETS = "/assets/"
_HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
}


class StaticFile:
    """One file: as it is, and packed."""

    def __init__(self, name: str, plain: bytes) -> None:
        self.plain = plain
        self.media_type = _MEDIA_TYPES[Path(name).suffix]
        self.tag = f'"{hashlib.sha256(plain).hexdigest()[:16]}"'

    @cached_property
    def packed(self) -> bytes:
        """Made when it is first asked for."""
        return gzip.compress(self.plain, mtime=0)


@cache
def static_files() -> Mapping[str, StaticFile]:
    """All files by their path in the folder, which begins with a slash."""
    return dict(_walk(resources.files("gptoss.server") / "static", "/"))


def add_files(app: FastAPI, files: Mapping[str, StaticFile], policy: str) -> None:
    """A route for each file, with a content policy. What is not among them is not there, whatever a path spells."""
    for path, file in files.items():
        endpoint = _endpoint(path, file, policy)
        app.add_api_route(path, endpoint, methods=["GET", "HEAD"], include_in_schema=False)


def _walk(folder: Traversable, path: str) -> Iterator[tuple[str, StaticFile]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _walk(entry, f"{path}{entry.name}/")
        else:
            yield path + entry.name, StaticFile(entry.name, entry.read_bytes())


def _endpoint(path: str, file: StaticFile, policy: str) -> Callable[[Request], Awaitable[Response]]:
    is_lasting = path.startswith(_ASSETS)
    age = "public, max-age=31536000, immutable" if is_lasting else "no-cache"
    headers = {
        "Content-Security-Policy": policy,
        **_HEADERS,
        "Cache-Control": age,
        "ETag": file.tag,
    }

    async def static_file(request: Request) -> Response:
        if request.headers.get("if-none-match") == file.tag:
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            packed = {**headers, "Content-Encoding": "gzip"}
            return Response(file.packed, headers=packed, media_type=file.media_type)
        return Response(file.plain, headers=headers, media_type=file.media_type)

    return static_file
