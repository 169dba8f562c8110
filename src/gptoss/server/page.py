"""The chat page, and the page that shows the OpenAPI document: which files they have, and what these may do."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from fastapi import FastAPI

from gptoss.server.static_files import StaticFile, add_files, static_files

_DOCS = "/docs"
# Nothing is loaded from elsewhere, no style or script stands in the page itself, and only the sanitizer (and Svelte,
# for its own markup) may make nodes of text. Pictures that code has made are blobs, which scripts alone can make.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types dompurify svelte-trusted-html"
)
# Swagger UI's style has its arrows as data.
_DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@cache
def page_files() -> Mapping[str, StaticFile]:
    """Those of the chat page, by their path in the address."""
    found = {p: file for p, file in static_files().items() if not p.startswith(f"{_DOCS}/")}
    found["/"] = found.pop("/index.html")
    return found


@cache
def docs_files() -> Mapping[str, StaticFile]:
    """Those of the page of the document, by their path in the address."""
    found = {p: file for p, file in static_files().items() if p.startswith(f"{_DOCS}/")}
    found[_DOCS] = found.pop(f"{_DOCS}/index.html")
    return found


def add_page(app: FastAPI) -> None:
    """The routes of the chat page."""
    add_files(app, page_files(), _PAGE_POLICY)


def add_docs(app: FastAPI) -> None:
    """The routes of the page that shows the document, which it asks for with the visitor's key."""
    add_files(app, docs_files(), _DOCS_POLICY)
