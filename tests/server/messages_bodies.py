"""Requests of Anthropic's API, and what is asked in several files of tests."""

from __future__ import annotations

import json
from typing import Any

from anthropic.types import Message
from starlette.testclient import TestClient

PATH = "/v1/messages"
CITY = {
    "type": "object",
    "properties": {"city": {"enum": ["Oslo", "Rome"]}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER = {"name": "weather", "description": "Of a city.", "input_schema": CITY}
ASK = [{"role": "user", "content": "12 + 34"}]
OFF = {"type": "disabled"}


def body(**more: Any) -> dict[str, Any]:
    thinks = {"thinking": {"type": "adaptive"}}
    return {"model": "nano", "max_tokens": 500, "temperature": 0, "messages": ASK, **thinks, **more}


def kwargs(**more: Any) -> dict[str, Any]:
    """The same for the client, which knows no temperature any more."""
    made = body(**more)
    temperature = made.pop("temperature")
    return {**made, "extra_body": {"temperature": temperature}}


def post(client: TestClient, **more: Any) -> dict[str, Any]:
    reply = client.post(PATH, json=body(**more))
    assert reply.status_code == 200, reply.text[:500]
    Message.model_validate(reply.json())
    return dict(reply.json())


def stream(client: TestClient, **more: Any) -> list[dict[str, Any]]:
    """Data of all events; each has its name before it."""
    found = []
    with client.stream("POST", PATH, json=body(stream=True, **more)) as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        for part in reply.read().decode().strip().split("\n\n"):
            if part.startswith(":"):
                continue
            name, data = part.split("\n")
            found.append(json.loads(data.removeprefix("data: ")))
            assert name == f"event: {found[-1]['type']}"
    return found
