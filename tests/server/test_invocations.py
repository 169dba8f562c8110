"""`/invocations` and `/ping`, as SageMaker asks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.server.conftest import KEY, MakeClient, keys_of, sums

PATH = "/invocations"
ANTHROPIC = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 500,
    "temperature": 0,
    "messages": [{"role": "user", "content": "12 + 34"}],
}


def test_chat(client: TestClient) -> None:
    made = client.post(PATH, json=sums()).json()
    assert made["object"] == "chat.completion"
    assert made["choices"][0]["message"]["content"] == "46"


def test_a_stream(client: TestClient) -> None:
    reply = client.post(PATH, json=sums(stream=True))
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.text.endswith("data: [DONE]\n\n")


def test_completions(client: TestClient) -> None:
    made = client.post(PATH, json={"prompt": "12 + 34", "max_tokens": 3}).json()
    assert made["object"] == "text_completion"


def test_messages(client: TestClient) -> None:
    made = client.post(PATH, json=ANTHROPIC).json()
    assert made["type"] == "message"
    assert made["content"][-1]["text"] == "46"


def test_responses(client: TestClient) -> None:
    reply = client.post(PATH, json={"input": "12 + 34", "temperature": 0})
    assert reply.status_code == 200
    made = reply.json()
    assert made["object"] == "response"
    assert "46" in json.dumps(made["output"])


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"inputs": "12 + 34"},
        {"messages": []},
        {"messages": [1]},
        {"prompt": True},
        {"input": True},
        {"prompt": "x", "max_tokens": -1},
    ],
)
def test_wrong(client: TestClient, body: dict[str, Any]) -> None:
    reply = client.post(PATH, json=body)
    assert reply.status_code == 400
    assert reply.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("change", [{"max_tokens": -1}, {"model": "x"}, {"messages": []}])
def test_errors_are_in_the_words_of_the_api(client: TestClient, change: dict[str, Any]) -> None:
    made = client.post(PATH, json={**ANTHROPIC, **change}).json()
    assert made["type"] == "error"
    assert made["request_id"]


def test_it_needs_the_key(make_client: MakeClient) -> None:
    client = make_client(keys=keys_of(KEY))
    assert client.get("/ping").status_code == 200
    assert client.post(PATH, json=sums()).status_code == 401
    headers = {"authorization": f"Bearer {KEY}"}
    assert client.post(PATH, json=sums(), headers=headers).status_code == 200
