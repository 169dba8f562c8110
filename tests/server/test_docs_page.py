"""The page that shows the OpenAPI document."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.server.conftest import KEY, MakeClient, keys_of

# Elements that have no end.
VOID = ("meta", "link", "br")


class Tags(HTMLParser):
    """Holds every element to its end; and gathers anchors, links and what must not be there."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: set[str] = set()
        self.seen: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}
        given = dict(attrs)
        self.ids += [given["id"] or ""] if "id" in given else []
        self.links |= {given["href"] or ""} if "href" in given else set()
        self.open += [] if tag in VOID else [tag]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(page: str) -> Tags:
    """The page, if all of its elements end."""
    tags = Tags()
    tags.feed(page)
    tags.close()
    assert tags.open == []
    return tags


def test_every_route_is_there(client: TestClient, app: FastAPI) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    for path in app.openapi()["paths"]:
        assert path in page.text
    # Of a request, of a reply, of an event, and an example.
    for said in ("reasoning_effort", "system_fingerprint", "prompt_progress", "curl -N localhost"):
        assert said in page.text


def test_nothing_is_run_and_nothing_is_fetched(client: TestClient) -> None:
    page = client.get("/docs")
    tags = read(page.text)
    assert not tags.seen & {"script", "link", "img", "iframe", "form"}
    assert not {
        name for name in tags.attributes if name.startswith("on") or name in ("src", "style")
    }
    assert {link for link in tags.links if not link.startswith("#")} == {"openapi.json"}
    assert "http" not in page.text.replace("https://json-schema.org", "")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_all_links_lead_somewhere(client: TestClient) -> None:
    tags = read(client.get("/docs").text)
    assert len(tags.ids) == len(set(tags.ids))
    assert {link[1:] for link in tags.links if link.startswith("#")} <= set(tags.ids)


def test_every_type_stands_in_one_place(client: TestClient, app: FastAPI) -> None:
    page = client.get("/docs").text
    for name in app.openapi()["components"]["schemas"]:
        at_its_place = rf'(id="type-{name}"|<summary>{name}[ <])'
        assert len(re.findall(at_its_place, page)) == 1, name


def test_who_needs_a_key_is_told(make_client: MakeClient, client: TestClient) -> None:
    with_keys = make_client(keys=keys_of(KEY)).get("/docs", headers={"x-api-key": KEY}).text
    assert with_keys.count("No key needed.") == 2
    assert '-H "Authorization: Bearer $KEY"' in with_keys
    assert "No key is needed." in client.get("/docs").text


def test_the_examples_work(client: TestClient, app: FastAPI) -> None:
    num = 0
    for path, methods in app.openapi()["paths"].items():
        body = methods.get("post", {}).get("requestBody", {}).get("content", {})
        for example in body.get("application/json", {}).get("examples", {}).values():
            reply = client.post(path, json=example["value"])
            assert reply.status_code == 200, (path, reply.text)
            num += 1
    assert num > 15


def test_the_methods_of_a_path_are_said(client: TestClient) -> None:
    """Of all its routes together; but a path that is spelled out is not one with a parameter."""
    refused = client.put("/v1/responses/resp_none", json={})
    assert refused.status_code == 405
    assert refused.headers["allow"] == "DELETE, GET"
    refused = client.put("/v1/responses/render", json={})
    assert refused.headers["allow"] == "POST"
