"""What the page that shows the OpenAPI document rests on; the page itself is tested in `page/test_page_docs.py`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

import gptoss
from gptoss.runtime import LoadedModel
from gptoss.server.page import docs_files
from gptoss.tools.chosen import ChosenTools
from tests.server.conftest import KEY, MakeClient, keys_of


def test_its_files_are_everybody_s_and_the_document_is_not(make_client: MakeClient) -> None:
    client = make_client(keys=keys_of(KEY))
    for path in docs_files():
        assert client.get(path).status_code == 200
    assert client.get("/openapi.json").status_code == 401
    assert client.get("/openapi.json", headers={"x-api-key": KEY}).status_code == 200


def test_it_is_there_without_the_chat_page(make_client: MakeClient) -> None:
    client = make_client(has_page=False)
    assert client.get("/").status_code == 404
    assert "swagger-ui-bundle.js" in client.get("/docs").text


def test_nothing_comes_from_elsewhere(client: TestClient) -> None:
    policy = client.get("/docs").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "http" not in client.get("/docs").text


@pytest.fixture(scope="module")
def brief_model() -> Iterator[LoadedModel]:
    """The embedded model, which with tools it was not made for goes on until its context is full: a small one."""
    with gptoss.load("nano", threads=1, context=1024) as model:
        yield model


def test_the_examples_work(brief_model: LoadedModel, make_client: MakeClient, app: FastAPI) -> None:
    num, client = 0, make_client(brief_model, tools=ChosenTools(has_python=True))
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
