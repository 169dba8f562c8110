"""Streams of responses: which events, in which order, and that nothing is lost."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from gptoss.errors import EngineError
from gptoss.server.service import Service
from tests.conftest import ScriptedModel
from tests.server.conftest import MakeClient, MakeServer, wait_until
from tests.server.responses_shapes import (
    ANSWER,
    CALL,
    SAY,
    THINK,
    TOOL,
    asked,
    events_of,
    joined,
    require_response,
    streamed,
)

_VARIES = ("id", "call_id", "created_at", "completed_at", "timings", "cached_tokens", "seed")


def without_what_varies(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_what_varies(v) for k, v in value.items() if k not in _VARIES}
    return [without_what_varies(v) for v in value] if isinstance(value, list) else value


def kinds_of(events: list[dict[str, Any]]) -> list[str]:
    """Their kinds in order, runs of deltas as one."""
    kinds: list[str] = []
    for event in events:
        kind = event["type"].removeprefix("response.")
        if not kinds or kinds[-1] != kind or not kind.endswith(".delta"):
            kinds.append(kind)
    return kinds


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"reasoning": {"effort": "none"}},
        {"reasoning": {"effort": "high", "summary": "detailed"}},
        {"top_logprobs": 3},
        {"max_output_tokens": 1},
        {"max_output_tokens": 20},
        {"max_output_tokens": 91},
        {"tools": [TOOL], "tool_choice": "required", "max_output_tokens": 120},
        {"tools": [TOOL], "tool_choice": "required", "max_output_tokens": 7},
        {"text": {"format": {"type": "json_object"}}, "max_output_tokens": 30},
    ],
)
def test_a_stream_says_what_the_whole_says(client: TestClient, more: dict[str, Any]) -> None:
    events = streamed(client, **asked(), **more)
    whole = client.post("/v1/responses", json={**asked(), **more}).json()
    last = events[-1]["response"]
    assert without_what_varies(last) == without_what_varies(whole)
    assert client.get(f"/v1/responses/{last['id']}").json() == last
    assert events[-1]["type"] == f"response.{last['status']}"


def test_the_order_of_all_kinds(make_client: MakeClient, scripted_model: ScriptedModel) -> None:
    client = make_client(scripted_model(THINK + SAY + CALL))
    events = streamed(client, **asked(tools=[TOOL]), reasoning={"summary": "concise"})
    assert kinds_of(events) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "reasoning_text.delta",
        "reasoning_text.done",
        "content_part.done",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]
    arguments = [e["delta"] for e in events if e["type"].endswith("arguments.delta")]
    assert "".join(arguments) == '{"q":"cat"}'


def test_an_empty_answer_is_a_message(
    make_client: MakeClient, scripted_model: ScriptedModel
) -> None:
    client = make_client(scripted_model("<|channel|>final<|message|><|return|>"))
    events = streamed(client, **asked("Say nothing."))
    assert events[-1]["response"]["output"][0]["content"][0]["text"] == ""
    assert kinds_of(events)[2:-1] == [
        "output_item.added",
        "content_part.added",
        "output_text.done",
        "content_part.done",
        "output_item.done",
    ]


def test_text_of_several_bytes_a_character(
    make_client: MakeClient, scripted_model: ScriptedModel
) -> None:
    text = "Grüße, 世界 🦊!"
    client = make_client(scripted_model(f"<|channel|>final<|message|>{text}<|return|>"))
    assert joined(streamed(client, **asked("Greet."))) == text


def test_a_fault_of_the_engine_is_said(
    client: TestClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = service.events

    async def events(turn: Any) -> Any:
        num = 0
        async for event in whole(turn):
            if (num := num + 1) > 1:
                raise EngineError("a wheel came off")
            yield event

    monkeypatch.setattr(service, "events", events)
    told = streamed(client, **asked())
    assert kinds_of(told)[-3:] == ["output_item.done", "error", "failed"]
    assert told[-2]["message"] == "a wheel came off"
    failed = require_response(told[-1]["response"])
    assert failed["error"]["code"] == "server_error"
    assert failed["output"][0]["status"] == "incomplete"
    reply = client.post("/v1/responses", json=asked())
    assert reply.status_code == 500
    assert reply.json()["error"]["message"] == "a wheel came off"


def test_what_fits_no_context_fails_inside_the_stream(client: TestClient) -> None:
    """As OpenAI's API has it: coding agents compact their conversation at this event alone."""
    long = "word " * 5000
    told = streamed(client, **asked(long))
    assert kinds_of(told) == ["created", "in_progress", "error", "failed"]
    assert told[2]["code"] == "context_length_exceeded"
    failed = require_response(told[-1]["response"])
    assert failed["error"]["code"] == "context_length_exceeded"
    assert failed["output"] == []
    for more in ({}, {"stream": True, "background": True}):
        reply = client.post("/v1/responses", json=asked(long, **more))
        assert (reply.status_code, reply.json()["error"]["code"]) == (
            400,
            "context_length_exceeded",
        )


def test_who_leaves_ends_the_turn(make_server: MakeServer, scripted_model: ScriptedModel) -> None:
    script = "<|channel|>final<|message|>" + "word " * 300
    server = make_server(scripted_model(script, pause_s=0.02))
    with (
        httpx.Client(base_url=server.url, timeout=60) as http,
        http.stream("POST", "/v1/responses", json=asked("Go on.", stream=True)) as reply,
    ):
        for line in reply.iter_lines():
            if "output_text.delta" in line:
                break
    wait_until(lambda: not server.service._running)
    wait_until(lambda: server.service.model.load_now.running == 0)


def test_the_end_of_the_server_is_said(
    make_server: MakeServer, scripted_model: ScriptedModel
) -> None:
    script = "<|channel|>final<|message|>" + "word " * 300
    server = make_server(scripted_model(script, pause_s=0.02), drain_s=0.1)
    with (
        httpx.Client(base_url=server.url, timeout=60) as http,
        http.stream("POST", "/v1/responses", json=asked("Go on.", stream=True)) as reply,
    ):
        lines = reply.iter_lines()
        text = ""
        for line in lines:
            text += f"{line}\n"
            if "output_text.delta" in line:
                break
        asyncio.run(server.service.drain())
        text += "".join(f"{line}\n" for line in lines)
    events = events_of(text)
    assert events[-1]["type"] == "response.failed"
    assert events[-1]["response"]["output"][0]["status"] == "incomplete"


def test_whoever_says_nothing_gets_an_answer(client: TestClient) -> None:
    made = client.post("/v1/responses", json={"instructions": "Say 1.", "max_output_tokens": 3})
    assert made.status_code == 200


def test_the_last_text_is_the_answer(
    make_client: MakeClient, scripted_model: ScriptedModel
) -> None:
    client = make_client(scripted_model(THINK + ANSWER))
    events = streamed(client, **asked("What?"))
    assert joined(events) == "I look first. Then I answer.A cat."
