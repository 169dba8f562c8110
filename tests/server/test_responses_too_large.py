"""Responses that take more room than all kept ones may: whoever asked that they be kept is told that they are not."""

from __future__ import annotations

import random
import threading
from typing import Any

import pytest
from openai.types.responses import Response

from gptoss.server.responses.store import ResponseStore
from tests.server.conftest import MakeClient, wait_until
from tests.server.responses_shapes import Json, asked, events_of

MOST_BYTES = 200_000


def with_much(num_characters: int, **more: Any) -> Json:
    """A request whose response says much again that the model does not read."""
    text = "".join(random.Random(1).choices("0123456789abcdef", k=num_characters))
    tool = {"type": "function", "name": "look", "description": text}
    return asked(tools=[tool], tool_choice="none", **more)


@pytest.fixture
def client(make_client: MakeClient) -> Any:
    return make_client(store_bytes=MOST_BYTES)


def test_a_reply_says_that_it_is_not_kept(client: Any) -> None:
    small = client.post("/v1/responses", json=asked()).json()
    assert (small["store"], small["gptoss"]["ignored"]) == (True, [])
    assert client.get(f"/v1/responses/{small['id']}").status_code == 200
    made = client.post("/v1/responses", json=with_much(MOST_BYTES)).json()
    Response.model_validate(made)
    assert (made["status"], made["store"]) == ("completed", False)
    assert made["gptoss"]["ignored"] == ["store"]
    assert client.get(f"/v1/responses/{made['id']}").status_code == 404


def test_so_does_a_stream(client: Any) -> None:
    events = events_of(client.post("/v1/responses", json=with_much(MOST_BYTES, stream=True)).text)
    assert events[0]["response"]["store"] is True
    last: Json = events[-1]["response"]
    assert (last["store"], last["gptoss"]["ignored"]) == (False, ["store"])


def test_what_was_not_to_be_kept_says_nothing(client: Any) -> None:
    made = client.post("/v1/responses", json=with_much(MOST_BYTES, store=False)).json()
    assert (made["store"], made["gptoss"]["ignored"]) == (False, [])


def test_in_the_background_it_fails_with_the_reason(client: Any) -> None:
    """Its stream is kept as well, which says all of it again; whoever asks for it later finds why it is not there."""
    made = client.post("/v1/responses", json=with_much(MOST_BYTES // 2, background=True)).json()
    path = f"/v1/responses/{made['id']}"
    wait_until(lambda: client.get(path).json()["status"] == "failed")
    failed = client.get(path).json()
    Response.model_validate(failed)
    assert (failed["status"], failed["output"]) == ("failed", [])
    assert "more room than all kept responses may" in failed["error"]["message"]


def test_what_is_being_kept_has_not_completed(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody sees it as completed who finds it failed a moment later."""
    keeping, go_on = threading.Event(), threading.Event()
    finish = ResponseStore.finish

    def slow(*arguments: Any) -> bool:
        keeping.set()
        assert go_on.wait(30)
        return finish(*arguments)

    monkeypatch.setattr(ResponseStore, "finish", slow)
    made = client.post("/v1/responses", json=with_much(MOST_BYTES // 2, background=True)).json()
    path = f"/v1/responses/{made['id']}"
    assert keeping.wait(30)
    seen = client.get(path).json()
    Response.model_validate(seen)
    assert (seen["status"], seen["completed_at"], seen["usage"]) == ("in_progress", None, None)
    go_on.set()
    wait_until(lambda: client.get(path).json()["status"] != "in_progress")
    assert client.get(path).json()["status"] == "failed"


def test_what_cannot_even_begin_is_refused(client: Any) -> None:
    reply = client.post("/v1/responses", json=with_much(MOST_BYTES, background=True))
    error = reply.json()["error"]
    assert (reply.status_code, error["param"]) == (400, "background")
    assert "more room than all kept responses may" in error["message"]
