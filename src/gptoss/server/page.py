"""The chat page: files that were built from `web/`, served from memory and to everybody, since they hold no secret."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import Response

# Nothing is loaded from elsewhere, no style or script stands in the page itself, and only the sanitizer (and Svelte,
# for its own markup) may make nodes of text.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types dompurify svelte-trusted-html"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
}
# By name's ending: what a machine's own tables say of them differs.
_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_INDEX = "/"
# The name of each has a hash of what is in it.
_ASSETS = "/assets/"


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file: as it is, and packed."""

    plain: bytes
    packed: bytes
    media_type: str
    tag: str


@cache
def page_files() -> dict[str, PageFile]:
    """All files by their path in the address; what is not among them is not there, whatever a path spells."""
    folder = resources.files("gptoss.server") / "static"
    found = dict(_walk(folder, "/"))
    found[_INDEX] = found.pop("/index.html")
    return found


def _walk(folder: Traversable, path: str) -> Iterator[tuple[str, PageFile]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _walk(entry, f"{path}{entry.name}/")
        else:
            yield path + entry.name, _file(entry)


def _file(entry: Traversable) -> PageFile:
    plain = entry.read_bytes()
    media_type = _MEDIA_TYPES[Path(entry.name).suffix]
    tag = f'"{hashlib.sha256(plain).hexdigest()[:16]}"'
    return PageFile(plain, gzip.compress(plain, mtime=0), media_type, tag)


def add_page(app: FastAPI) -> None:
    """A route for each file."""
    for path, file in page_files().items():
        app.add_api_route(
            path, _endpoint(path, file), methods=["GET", "HEAD"], include_in_schema=False
        )


def _endpoint(path: str, file: PageFile) -> Callable[[Request], Awaitable[Response]]:
    is_lasting = path.startswith(_ASSETS)
    age = "public, max-age=31536000, immutable" if is_lasting else "no-cache"
    headers = {**_HEADERS, "Cache-Control": age, "ETag": file.tag}

    async def page_file(request: Request) -> Response:
        if request.headers.get("if-none-match") == file.tag:
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            packed = {**headers, "Content-Encoding": "gzip"}
            return Response(file.packed, headers=packed, media_type=file.media_type)
        return Response(file.plain, headers=headers, media_type=file.media_type)

    return page_file
