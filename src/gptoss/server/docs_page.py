"""`/docs`: the OpenAPI document as a page, without scripts and without anything from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

_STYLE = """
html { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h2 { margin-top: 2.5rem; border-top: 1px solid #8885; padding-top: 1rem } code { font-family: ui-monospace, monospace }
.method { font-weight: 700; text-transform: uppercase; margin-right: .5rem }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: .2rem .6rem .2rem 0 }
tr + tr { border-top: 1px solid #8883 } nav a { margin-right: 1rem }
"""
_METHODS = ("get", "post", "delete")


def docs_page(document: dict[str, Any]) -> str:
    """A page of HTML for an OpenAPI document."""
    title = escape(f"{document['info']['title']} {document['info']['version']}")
    routes = [
        (path, method, route)
        for path, methods in document["paths"].items()
        for method, route in methods.items()
        if method in _METHODS
    ]
    links = "".join(
        f'<a href="#{_anchor(path, method)}"><code>{escape(path)}</code></a> '
        for path, method, _ in routes
    )
    sections = "".join(_section(document, path, method, route) for path, method, route in routes)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f"<h1>{title}</h1><p>{escape(document['info'].get('description', ''))} "
        f'The same for programs: <a href="openapi.json"><code>/openapi.json</code></a>.</p>'
        f"<nav>{links}</nav>{sections}</html>"
    )


def _anchor(path: str, method: str) -> str:
    return escape(f"{method}{path.replace('/', '-').replace('{', '').replace('}', '')}")


def _section(document: dict[str, Any], path: str, method: str, route: dict[str, Any]) -> str:
    body = route.get("requestBody", {}).get("content", {}).get("application/json", {})
    rows = [
        (parameter["name"], parameter["in"], "", parameter.get("required", False))
        for parameter in route.get("parameters", ())
    ]
    rows += _fields(document, body.get("schema", {}))
    fields = "".join(
        f"<tr><td><code>{escape(name)}</code>{' *' if needed else ''}<td>{escape(kind)}<td>{escape(what)}"
        for name, kind, what, needed in rows
    )
    table = f"<table><tr><th>field<th>type<th>{fields}</table>" if fields else ""
    statuses = "".join(
        f"<tr><td>{escape(status)}<td>{escape(reply.get('description', ''))}"
        for status, reply in sorted(route["responses"].items())
    )
    return (
        f'<h2 id="{_anchor(path, method)}"><span class="method">{method}</span>'
        f"<code>{escape(path)}</code></h2><p>{escape(route.get('description', ''))}</p>{table}"
        f"<details><summary>statuses</summary><table>{statuses}</table></details>"
    )


def _fields(
    document: dict[str, Any], schema: dict[str, Any]
) -> Iterator[tuple[str, str, str, bool]]:
    """The fields of an object: name, type, what it says, whether it is needed."""
    schema = _resolved(document, schema)
    for option in schema.get("anyOf", ()):
        yield from _fields(document, option)
    for name, field in schema.get("properties", {}).items():
        needed = name in schema.get("required", ())
        yield name, _kind(document, field), field.get("description", ""), needed


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    name = schema["$ref"].rpartition("/")[2]
    found: dict[str, Any] = document["components"]["schemas"][name]
    return found


def _kind(document: dict[str, Any], schema: dict[str, Any]) -> str:
    """A type in a few words."""
    if "anyOf" in schema:
        kinds = [_kind(document, option) for option in schema["anyOf"]]
        return " or ".join(dict.fromkeys(kind for kind in kinds if kind != "null"))
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    kind = str(schema.get("type", "any"))
    if kind == "array":
        return f"list of {_kind(document, schema.get('items', {}))}"
    bounds = [
        f"{sign} {schema[name]}"
        for name, sign in (
            ("minimum", "≥"),
            ("exclusiveMinimum", ">"),
            ("maximum", "≤"),
        )
        if name in schema
    ]
    return " ".join([kind, *bounds])
