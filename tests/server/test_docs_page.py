"""The page that shows the OpenAPI document."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.testclient import TestClient


def test_every_route_is_there(client: TestClient, app: FastAPI) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    for path in app.openapi()["paths"]:
        assert path in page.text
    assert "reasoning_effort" in page.text
    # Nothing is run, and nothing is fetched.
    assert "<script" not in page.text
    assert "http" not in page.text.replace("https://json-schema.org", "")
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_the_methods_of_a_path_are_said(client: TestClient) -> None:
    """Of all its routes together."""
    refused = client.put("/v1/responses/resp_none", json={})
    assert refused.status_code == 405
    assert refused.headers["allow"] == "DELETE, GET"
