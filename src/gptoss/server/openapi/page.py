"""`/docs`: the OpenAPI document as a page, without scripts and without anything from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from html import escape
from typing import Any

from gptoss.server.openapi.page_fields import Fields, prose
from gptoss.server.openapi.page_style import STYLE

Json = dict[str, Any]

_JSON, _EVENTS = "application/json", "text/event-stream"
# Characters of an example that fit beside each other on a telephone and a screen alike.
_MAX_LINE = 64
_METHODS = ("get", "post", "delete")
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
# Nothing but this style.
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def docs_page(document: Json) -> str:
    """A page of HTML for an OpenAPI document."""
    title = escape(f"{document['info']['title']} {document['info']['version']}")
    page = _Page(document)
    links = page.links()
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style>'
        f'<nav class="side" aria-label="Routes">{links}</nav><main>{page.head()}'
        f'<details class="routes"><summary>Routes</summary><nav aria-label="Routes">{links}</nav></details>'
        f'{page.sections()}<h2 id="types">Types</h2><p>Those that stand in several places.</p>'
        f"{page.types()}</main></html>"
    )


class _Page:
    def __init__(self, document: Json) -> None:
        self._document = document
        self._fields = Fields(document)
        self._has_keys = "security" in document
        self._routes = [
            (method, path, operation)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
            if method in _METHODS
        ]

    def head(self) -> str:
        """What the page is, and who may ask."""
        info = self._document["info"]
        key = (
            "Routes want a key, as <code>Authorization: Bearer KEY</code> or <code>x-api-key: KEY</code>, "
            "unless they say otherwise."
            if self._has_keys
            else "No key is needed."
        )
        return (
            f"<header><h1>{escape(info['title'])} <small>{escape(info['version'])}</small></h1>"
            f"<p>{prose(info.get('description', ''))} {key} Fields with "
            f'<span class="must">*</span> must be there. The same for programs: '
            f'<a href="openapi.json"><code>/openapi.json</code></a>.</p></header>'
        )

    def links(self) -> str:
        """To all routes, by group."""
        found = []
        for tag in self._document["tags"]:
            found.append(f"<strong>{escape(tag['name'])}</strong>")
            found += [
                f'<a href="#{escape(route["operationId"])}"><span class="method {method}">{method}'
                f"</span><code>{escape(path)}</code></a>"
                for method, path, route in self._routes_of(tag["name"])
            ]
        return "".join([*found, '<a href="#types"><strong>Types</strong></a>'])

    def sections(self) -> str:
        """All routes, by group."""
        return "".join(
            f"<h2>{escape(tag['name'])}</h2><p>{prose(tag['description'])}</p>"
            + "".join(self._section(*route) for route in self._routes_of(tag["name"]))
            for tag in self._document["tags"]
        )

    def types(self) -> str:
        """What routes have in common."""
        return self._fields.types()

    def _routes_of(self, tag: str) -> Iterable[tuple[str, str, Json]]:
        return (route for route in self._routes if tag in route[2]["tags"])

    def _section(self, method: str, path: str, route: Json) -> str:
        free = " <em>No key needed.</em>" if route.get("security") == [] else ""
        return (
            f'<article id="{escape(route["operationId"])}"><h3><span class="method {method}">{method}'
            f"</span><code>{escape(path)}</code></h3><p>{prose(route.get('description', ''))}{free}</p>"
            f"{self._parameters(route)}{self._body(path, route)}{self._replies(route)}"
            f"{self._statuses(route)}</article>"
        )

    def _parameters(self, route: Json) -> str:
        rows = "".join(
            self._fields.row(
                each["name"],
                each["schema"],
                each.get("description", ""),
                is_needed=each.get("required", False),
            )
            for each in route.get("parameters", ())
        )
        return f'<h4>Parameters</h4><ul class="fields">{rows}</ul>' if rows else ""

    def _body(self, path: str, route: Json) -> str:
        body = route.get("requestBody", {}).get("content", {}).get(_JSON)
        if body is None:
            return ""
        examples = "".join(
            f"<details{' open' if index == 0 else ''}><summary>{escape(name)}</summary>"
            f"<pre>{escape(self._curl(path, each['value']), quote=False)}</pre></details>"
            for index, (name, each) in enumerate(body.get("examples", {}).items())
        )
        shown = f"<h4>Examples</h4>{examples}" if examples else ""
        return f"{shown}<h4>Request</h4>{self._fields.whole(body['schema'])}"

    def _curl(self, path: str, body: Json) -> str:
        watch = " -N" if body.get("stream") else ""
        key = '  -H "Authorization: Bearer $KEY" \\\n' if self._has_keys else ""
        data = _laid_out(body, "  ").replace("'", "'\\''")
        return (
            f"curl{watch} localhost:8000{path} \\\n{key}"
            f"  -H 'Content-Type: application/json' \\\n  -d '{data}'"
        )

    def _replies(self, route: Json) -> str:
        """All that are no errors."""
        found = "".join(
            self._reply(status, reply["content"])
            for status, reply in route["responses"].items()
            if "content" in reply
        )
        return found or "<h4>Reply</h4><p>Nothing.</p>"

    def _reply(self, status: str, content: Json) -> str:
        found = []
        for kind, each in content.items():
            schema = each["schema"]
            if kind == _EVENTS:
                found.append(f"<h4>Events of a stream</h4>{self._events(schema)}")
            else:
                with_status = "" if status == "200" else f" of status {status}"
                shown = "" if kind == _JSON else f", as <code>{escape(kind)}</code>"
                found.append(f"<h4>Reply{with_status}{shown}</h4>{self._fields.whole(schema)}")
        return "".join(found)

    def _events(self, schema: Json) -> str:
        data = schema["properties"]["data"]
        options = data.get("anyOf", [data])
        (content,) = [option["contentSchema"] for option in options if "contentSchema" in option]
        has_done = any("const" in option for option in options)
        done = " The last line is <code>data: [DONE]</code>." if has_done else ""
        first, *others = content.get("anyOf", [content])
        also = " or ".join(self._fields.kind(other) for other in others)
        said = f"<p>Or the data is {also}.</p>" if also else ""
        return f"<p>The data of each is JSON.{done}</p>{self._fields.whole(first)}{said}"

    def _statuses(self, route: Json) -> str:
        rows = []
        for status, reply in route["responses"].items():
            name = reply.get("$ref", "").rpartition("/")[2]
            found = self._document["components"]["responses"][name] if name else reply
            schema = found.get("content", {}).get(_JSON, {}).get("schema", {})
            kind = f' <span class="kind">{self._fields.kind(schema)}</span>' if name else ""
            rows.append(
                f'<li><div class="name"><code><b>{status}</b></code></div>'
                f"<div>{prose(found['description'])}{kind}</div></li>"
            )
        return (
            f"<h4>Statuses</h4><details><summary>{', '.join(route['responses'])}</summary>"
            f'<ul class="fields">{"".join(rows)}</ul></details>'
        )


def _laid_out(value: object, indent: str) -> str:
    """JSON on one line where it fits, otherwise a line for each entry."""
    text = json.dumps(value, ensure_ascii=False)
    if len(text) <= _MAX_LINE or not isinstance(value, dict | list):
        return text
    inner = f"{indent}  "
    if isinstance(value, list):
        lines = [_laid_out(each, inner) for each in value]
    else:
        lines = [f"{json.dumps(key)}: {_laid_out(each, inner)}" for key, each in value.items()]
    begin, end = "[]" if isinstance(value, list) else "{}"
    body = f",\n{inner}".join(lines)
    return f"{begin}\n{inner}{body}\n{indent}{end}"
