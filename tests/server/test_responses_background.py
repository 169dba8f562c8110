"""Responses that run in the background: polled, watched, cancelled, and lost with their server."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

import httpx
from starlette.testclient import TestClient

import gptoss
from gptoss.engine import EngineOptions
from gptoss.runtime import LoadedModel
from gptoss.server.app import create_app
from gptoss.server.settings import ServerSettings
from tests.conftest import ScriptedModel
from tests.server.conftest import KeptService, MakeClient, MakeServer, wait_until
from tests.server.responses_shapes import (
    asked,
    create,
    events_of,
    joined,
    refused,
    require_order,
    require_response,
    streamed,
)

LONG_LIST = {
    "type": "json_schema",
    "name": "ones",
    "schema": {"type": "array", "items": {"const": 1}, "minItems": 1000},
}
LIVE = ("queued", "in_progress")
LONG = "<|channel|>final<|message|>" + "word " * 400


def poll(client: TestClient | httpx.Client, response_id: str) -> dict[str, Any]:
    return require_response(client.get(f"/v1/responses/{response_id}").json())


def finished(client: TestClient | httpx.Client, response_id: str) -> dict[str, Any]:
    wait_until(lambda: poll(client, response_id)["status"] not in LIVE)
    return poll(client, response_id)


def text_of(response: dict[str, Any]) -> str:
    return "".join(part["text"] for item in response["output"] for part in item["content"])


def test_it_is_finished_some_day(client: TestClient) -> None:
    made = create(client, **asked(background=True))
    assert made["status"] == "queued"
    assert made["output"] == []
    done = finished(client, made["id"])
    assert done["status"] == "completed"
    assert done["background"] is True
    assert done["output"][-1]["content"][0]["text"] == "46"
    again = create(client, **asked("1 + 1", previous_response_id=made["id"]))
    assert again["status"] == "completed"


def test_its_stream_can_be_read_again_from_anywhere(client: TestClient) -> None:
    events = streamed(client, **asked(background=True))
    assert [e["type"] for e in events[:3]] == [
        "response.created",
        "response.queued",
        "response.in_progress",
    ]
    path = f"/v1/responses/{events[0]['response']['id']}"
    assert events_of(client.get(f"{path}?stream=true").text) == events
    for after in (0, 7, len(events) - 2, len(events) + 5):
        tail = events_of(client.get(f"{path}?stream=true&starting_after={after}").text)
        assert tail == events[after + 1 :]


def test_only_those_of_the_background_are_streamed_again(client: TestClient) -> None:
    made = create(client, **asked())
    assert client.get(f"/v1/responses/{made['id']}?stream=true").status_code == 400
    assert client.post(f"/v1/responses/{made['id']}/cancel").status_code == 400
    assert client.get("/v1/responses/resp_no?stream=true").status_code == 404
    assert client.post("/v1/responses/resp_no/cancel").status_code == 404


def test_progress_and_cancel(make_client: MakeClient, scripted_model: ScriptedModel) -> None:
    model = scripted_model(LONG, pause_s=0.02)
    client = make_client(model)
    made = create(client, **asked("Go on.", background=True))
    wait_until(lambda: text_of(poll(client, made["id"])) != "")
    before = text_of(poll(client, made["id"]))
    wait_until(lambda: text_of(poll(client, made["id"])) > before)
    assert poll(client, made["id"])["status"] == "in_progress"
    error = refused(client, 400, **asked(previous_response_id=made["id"]))
    assert "in progress" in error["message"]
    reply = client.post(f"/v1/responses/{made['id']}/cancel")
    cancelled = require_response(reply.json())
    assert cancelled["status"] == "cancelled"
    assert cancelled["error"] is None
    assert text_of(cancelled).startswith(before)
    wait_until(lambda: model.load_now.running == 0)
    assert client.post(f"/v1/responses/{made['id']}/cancel").json() == cancelled
    assert poll(client, made["id"]) == cancelled
    path = f"/v1/responses/{made['id']}?stream=true"
    events = events_of(client.get(path).text)
    require_order(events)
    assert joined(events) == text_of(cancelled)


def test_what_waits_for_the_engine_is_queued() -> None:
    """With room for one sequence, the second response waits for the first."""
    with gptoss.load("nano", options=EngineOptions(max_running=1)) as model:
        service = KeptService(ServerSettings(), lambda: model)
        with TestClient(create_app(service), base_url="http://localhost") as client:
            wait_until(lambda: service.is_ready)
            first = create(client, **asked("1", background=True, text={"format": LONG_LIST}))
            wait_until(lambda: poll(client, first["id"])["status"] == "in_progress")
            second = create(client, **asked(background=True))
            third = create(client, **asked(background=True))
            assert poll(client, second["id"])["status"] == "queued"
            reply = client.post(f"/v1/responses/{third['id']}/cancel")
            cancelled = require_response(reply.json())
            assert (cancelled["status"], cancelled["output"]) == ("cancelled", [])
            client.post(f"/v1/responses/{first['id']}/cancel")
            assert finished(client, second["id"])["status"] == "completed"


def test_delete_ends_it(make_client: MakeClient, scripted_model: ScriptedModel) -> None:
    model = scripted_model(LONG, pause_s=0.02)
    client = make_client(model)
    made = create(client, **asked("Go on.", background=True))
    assert client.delete(f"/v1/responses/{made['id']}").status_code == 200
    wait_until(lambda: model.load_now.running == 0)
    assert client.get(f"/v1/responses/{made['id']}").status_code == 404


def test_it_goes_on_without_its_connection(
    make_server: MakeServer, scripted_model: ScriptedModel
) -> None:
    script = "<|channel|>final<|message|>" + "word " * 30 + "<|return|>"
    server = make_server(scripted_model(script, pause_s=0.01))
    with httpx.Client(base_url=server.url, timeout=60) as http:
        body = asked("Go on.", background=True, stream=True)
        with http.stream("POST", "/v1/responses", json=body) as reply:
            text = ""
            for line in reply.iter_lines():
                text += f"{line}\n"
                if line.startswith("data") and "output_text.delta" in line:
                    break
        before = events_of(text.rstrip("\n"))
        response_id, last = before[0]["response"]["id"], before[-1]["sequence_number"]
        # While it runs.
        path = f"/v1/responses/{response_id}?stream=true&starting_after={last}"
        after = events_of(http.get(path).text)
        require_order([*before, *after])
        assert finished(http, response_id)["status"] == "completed"


def test_what_a_dead_server_left_has_failed(
    make_client: MakeClient, nano_model: LoadedModel, tmp_path: Path
) -> None:
    path = tmp_path / "kept" / "responses.sqlite"
    client = make_client(store=path)
    made = create(client, **asked(background=True))
    finished(client, made["id"])
    client.__exit__(None, None, None)
    assert path.stat().st_mode & 0o077 == 0
    with sqlite3.connect(path) as db:
        db.execute(
            "UPDATE responses SET is_live = 1, events = NULL, "
            "body = replace(body, '\"completed\"', '\"in_progress\"')"
        )
    db.close()
    again = make_client(store=path)
    left = poll(again, made["id"])
    assert left["status"] == "failed"
    assert left["error"]["code"] == "server_error"
    (event,) = events_of(
        again.get(f"/v1/responses/{made['id']}?stream=true&starting_after=57").text
    )
    assert (event["type"], event["sequence_number"]) == ("response.failed", 58)


def test_the_server_ends_while_it_runs(
    make_client: MakeClient, scripted_model: ScriptedModel, tmp_path: Path
) -> None:
    path = tmp_path / "responses.sqlite"
    client = make_client(scripted_model(LONG, pause_s=0.05), store=path)
    made = create(client, **asked("Go on.", background=True))
    wait_until(lambda: text_of(poll(client, made["id"])) != "")
    began = time.monotonic()
    client.__exit__(None, None, None)
    assert time.monotonic() - began < 10
    again = make_client(store=path)
    failed = poll(again, made["id"])
    assert failed["status"] == "failed"
    assert text_of(failed) != ""
    require_order(events_of(again.get(f"/v1/responses/{made['id']}?stream=true").text))
