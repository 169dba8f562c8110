"""Requests of few tokens, or of none, which leave their prompts in the prefix cache for those that follow."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.server.conftest import sums

_NUMBERS = itertools.count()


def rules() -> str:
    """Instructions that nobody had before."""
    return f"{next(_NUMBERS)} warm-up: " + " ".join(f"Rule {n}: be careful." for n in range(30))


@pytest.mark.parametrize("effort", ["low", "none"])
@pytest.mark.parametrize("most", [1, 2, 3, 4])
def test_chat_completions(client: TestClient, most: int, effort: str) -> None:
    system = {"role": "system", "content": rules()}
    body = sums(reasoning_effort=effort)
    body["messages"] = [system, *body["messages"]]
    first = client.post("/v1/chat/completions", json={**body, "max_tokens": most}).json()
    assert first["gptoss"]["timings"]["prefill_s"] > 0
    usage = client.post("/v1/chat/completions", json={**body, "max_tokens": 20}).json()["usage"]
    assert usage["prompt_tokens_details"]["cached_tokens"] >= usage["prompt_tokens"] - 1


@pytest.mark.parametrize("most", [0, 1, 2])
@pytest.mark.parametrize("stream", [False, True])
def test_messages(client: TestClient, most: int, stream: bool) -> None:
    said = [{"role": "user", "content": "12 + 34"}]
    body: dict[str, Any] = {"system": rules(), "messages": said}
    first = client.post("/v1/messages", json={**body, "max_tokens": most, "stream": stream})
    assert first.status_code == 200
    if not stream:
        assert first.json()["content"] == []
        assert first.json()["stop_reason"] == "max_tokens"
        assert first.json()["usage"]["output_tokens"] == most
    usage = client.post("/v1/messages", json={**body, "max_tokens": 20}).json()["usage"]
    assert usage["input_tokens"] == 1


@pytest.mark.parametrize("most", [1, 2])
def test_responses(client: TestClient, most: int) -> None:
    body = {"instructions": rules(), "input": "12 + 34", "store": False}
    client.post("/v1/responses", json={**body, "max_output_tokens": most})
    usage = client.post("/v1/responses", json={**body, "max_output_tokens": 20}).json()["usage"]
    assert usage["input_tokens_details"]["cached_tokens"] == usage["input_tokens"] - 1
