"""An approval is for one call: neither for the next one like it, nor for a later turn, nor twice."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from gptoss.server.responses.store import ResponseStore
from gptoss.tools import Approval, function_tool
from gptoss.tools.chosen import ChosenTools
from tests.conftest import Script
from tests.server.conftest import MakeClient
from tests.server.responses_shapes import Json
from tests.server.test_operators_functions import (
    ADD,
    ANSWER,
    OWN,
    add,
    asked,
    call,
    decision,
    fail,
    items,
    paused,
    post,
    runs,
)

FURTHER = "<|end|><|start|>assistant"
FIND: Json = {"type": "function", "name": "find", "parameters": {"type": "object"}}


@pytest.fixture
def ran() -> list[tuple[int, int]]:
    return []


def counting(
    make_client: MakeClient, model: Any, ran: list[tuple[int, int]], **settings: Any
) -> TestClient:
    """A client of a server that asks before it adds, and says what it has added."""

    def add(a: int, b: int) -> int:
        """Adds."""
        ran.append((a, b))
        return a + b

    tool = function_tool(add)
    return make_client(
        model,
        tools=ChosenTools(functions=(tool,), floor={tool.recipient: Approval.ASK}),
        **settings,
    )


def prompt_of(client: TestClient, given: object, **more: Any) -> str:
    return str(client.post("/v1/responses/render", json=asked(given, **more)).json()["prompt"])


@pytest.mark.parametrize("approve", [True, False])
def test_the_next_call_like_it_is_asked_for(
    make_client: MakeClient, scripted_nano: Script, ran: list[tuple[int, int]], approve: bool
) -> None:
    """One yes let the model make the same call as often as it liked."""
    client = counting(make_client, scripted_nano(call() + call() + ANSWER), ran)
    first, request = paused(client)
    made = post(client, **asked([decision(request, approve)], previous_response_id=first["id"]))
    assert [item["type"] for item in made["output"]] == ["mcp_call", "mcp_approval_request"]
    assert len(ran) == approve
    # Another call, which has an id of its own.
    assert made["output"][1]["id"][:61] != request["id"][:61]


def test_a_later_turn_asks_again(
    make_client: MakeClient, scripted_nano: Script, ran: list[tuple[int, int]]
) -> None:
    client = counting(make_client, scripted_nano(call() + ANSWER + call() + ANSWER), ran)
    first, request = paused(client)
    made = post(client, **asked([decision(request)], previous_response_id=first["id"]))
    assert ran == [(2, 3)]
    later = post(client, **asked("Once more.", previous_response_id=made["id"]))
    assert (items(later, "mcp_call"), len(items(later, "mcp_approval_request"))) == ([], 1)
    assert ran == [(2, 3)]


def test_two_calls_alike_have_a_decision_each(
    make_client: MakeClient, scripted_nano: Script, ran: list[tuple[int, int]]
) -> None:
    script = call(end=FURTHER) + call() + ANSWER
    client = counting(make_client, scripted_nano(script), ran)
    first = post(client, **asked())
    requests = items(first, "mcp_approval_request")
    decided = [decision(requests[1]), decision(requests[0], False)]
    made = post(client, **asked(decided, previous_response_id=first["id"]))
    done = items(made, "mcp_call")
    assert [each["status"] for each in done] == ["failed", "completed"]
    assert [each["approval_request_id"] for each in done] == [each["id"] for each in requests]
    assert ran == [(2, 3)]


@pytest.mark.parametrize("has_gone_on", [True, False], ids=["a decided one", "one that passed"])
def test_a_decision_that_comes_again_or_late(
    make_client: MakeClient,
    scripted_nano: Script,
    ran: list[tuple[int, int]],
    has_gone_on: bool,
) -> None:
    """Neither counts for a call that the model may make by then."""
    client = counting(make_client, scripted_nano(call() + ANSWER + call() + ANSWER), ran)
    first, request = paused(client)
    said: object = [decision(request)] if has_gone_on else "Never mind."
    made = post(client, **asked(said, previous_response_id=first["id"]))
    again = asked([decision(request)], previous_response_id=made["id"])
    reply = client.post("/v1/responses", json=again)
    error = reply.json()["error"]
    assert (reply.status_code, error["param"]) == (400, "input")
    assert "its call does not wait any more" in error["message"]
    assert len(ran) == has_gone_on


@pytest.mark.parametrize("is_kept", [True, False], ids=["by its id", "sent back"])
def test_the_same_request_a_second_time(
    make_client: MakeClient, scripted_nano: Script, ran: list[tuple[int, int]], is_kept: bool
) -> None:
    """As clients do by themselves whose connection has ended: the call would be run again."""
    client = counting(make_client, scripted_nano(call() + ANSWER), ran)
    first, request = paused(client)
    said: Json = {"role": "user", "content": "What is 2 + 3?"}
    body = asked([decision(request)], previous_response_id=first["id"])
    if not is_kept:
        body = asked([said, request, decision(request)], store=False)
    assert client.post("/v1/responses/render", json=body).status_code == 200
    assert client.post("/v1/responses", json=body).status_code == 200
    again = client.post("/v1/responses", json=body)
    assert (again.status_code, ran) == (400, [(2, 3)])
    assert "its call has been run on it already" in again.json()["error"]["message"]


def test_the_same_request_while_its_call_runs(
    make_client: MakeClient, scripted_nano: Script
) -> None:
    begun, let_go = threading.Event(), threading.Event()

    def add(a: int, b: int) -> int:
        """Adds."""
        begun.set()
        assert let_go.wait(30)
        return a + b

    client = runs(make_client, scripted_nano(call() + ANSWER), add, approval="ask")
    first, request = paused(client)
    body = asked([decision(request)], previous_response_id=first["id"])
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(post, client, **body)
        assert begun.wait(30)
        assert client.post("/v1/responses", json=body).status_code == 400
        let_go.set()
        (done,) = items(running.result(30), "mcp_call")
    assert (done["status"], done["output"]) == ("completed", "5")


def test_what_was_refused_has_used_up_nothing(
    make_client: MakeClient, scripted_nano: Script, ran: list[tuple[int, int]]
) -> None:
    client = counting(make_client, scripted_nano(call() + ANSWER), ran)
    first, request = paused(client)
    body = asked([decision(request)], previous_response_id=first["id"])
    wrong = {
        **body,
        "text": {"format": {"type": "json_schema", "name": "x", "schema": {"type": 3}}},
    }
    assert client.post("/v1/responses", json=wrong).status_code == 400
    assert ran == []
    assert client.post("/v1/responses", json=body).status_code == 200
    assert ran == [(2, 3)]


def test_after_a_restart(
    make_client: MakeClient, scripted_nano: Script, ran: list[tuple[int, int]], tmp_path: Path
) -> None:
    kept = tmp_path / "store"
    client = counting(make_client, scripted_nano(call() + ANSWER), ran, store=kept)
    first, request = paused(client)
    body = asked([decision(request)], previous_response_id=first["id"])
    assert client.post("/v1/responses", json=body).status_code == 200
    client.__exit__(None, None, None)
    client = counting(make_client, scripted_nano(ANSWER), ran, store=kept)
    assert (client.post("/v1/responses", json=body).status_code, ran) == (400, [(2, 3)])


def test_a_decision_is_used_by_one_of_many(tmp_path: Path) -> None:
    store = ResponseStore(tmp_path / "store", 60.0, 1 << 20)
    used, others = store.used_decisions("mine"), store.used_decisions("another's")
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(used.claim, ["call"] * 64)) == 1
    assert used.has("call")
    assert not others.has("call")
    assert others.claim("call")
    store.close()


def test_a_second_decision_about_a_call(
    make_client: MakeClient, scripted_nano: Script, ran: list[tuple[int, int]]
) -> None:
    client = counting(make_client, scripted_nano(call() + ANSWER), ran)
    first, request = paused(client)
    both = asked([decision(request, False), decision(request)], previous_response_id=first["id"])
    reply = client.post("/v1/responses", json=both)
    assert (reply.status_code, ran) == (400, [])
    assert "there is one about it already" in reply.json()["error"]["message"]


@pytest.mark.parametrize("is_first", [True, False])
def test_what_is_asked_for_again_is_the_same_call(
    make_client: MakeClient, scripted_nano: Script, is_first: bool
) -> None:
    """Whoever decides about one of two is asked for the other again; the model reads one call."""
    script = call(end=FURTHER) + call("{}", "fail") + ANSWER
    client = runs(make_client, scripted_nano(script), add, fail, approval="ask")
    requests = items(post(client, **asked()), "mcp_approval_request")
    said: Json = {"role": "user", "content": "What is 2 + 3?"}
    given = [said, *requests, decision(requests[0])]
    second = post(client, **asked(given))
    (again,) = items(second, "mcp_approval_request")
    assert again["id"] == f"{requests[1]['id']}_2"
    given += second["output"]
    given.append(decision(requests[1] if is_first else again))
    third = post(client, **asked(given))
    (done,) = items(third, "mcp_call")
    assert (done["name"], done["approval_request_id"]) == ("fail", again["id"])
    prompt = prompt_of(client, given=[*given, *third["output"], said])
    assert (prompt.count("to=functions.fail"), prompt.count("nobody has decided")) == (1, 0)


def test_who_says_nothing_is_asked_again(
    make_client: MakeClient, scripted_nano: Script, ran: list[tuple[int, int]]
) -> None:
    client = counting(make_client, scripted_nano(call() + ANSWER), ran)
    response, request = paused(client)
    for number in (2, 3):
        response, again = paused(client, given=[], previous_response_id=response["id"])
        assert (again["id"], ran) == (f"{request['id']}_{number}", [])
    made = post(client, **asked([decision(again)], previous_response_id=response["id"]))
    assert ran == [(2, 3)]
    prompt = prompt_of(client, given="Go on.", previous_response_id=made["id"])
    assert (prompt.count(ADD), prompt.count("nobody has decided")) == (1, 0)


@pytest.mark.parametrize(
    ("approve", "told"),
    [
        (True, "error: the call was allowed, but it was not run. Nothing was done."),
        (False, "error: the call was not allowed. Nothing was done."),
    ],
)
def test_a_decision_with_something_said_behind_it(
    make_client: MakeClient,
    scripted_nano: Script,
    ran: list[tuple[int, int]],
    approve: bool,
    told: str,
) -> None:
    """The call is not run; the model reads why, and asks anew."""
    client = counting(make_client, scripted_nano(call() + call() + ANSWER), ran)
    first, request = paused(client)
    given = [decision(request, approve), {"role": "user", "content": "Go on."}]
    more: Json = {"previous_response_id": first["id"]}
    assert told in prompt_of(client, given=given, **more)
    made = post(client, **asked(given, **more))
    assert [item["type"] for item in made["output"]] == ["mcp_approval_request"]
    assert ran == []


def test_results_of_the_client_come_with_a_decision(
    make_client: MakeClient, scripted_nano: Script, ran: list[tuple[int, int]]
) -> None:
    script = call("{}", "find", FURTHER) + call() + ANSWER
    client = counting(make_client, scripted_nano(script), ran)
    first, request = paused(client, tools=[OWN, FIND])
    (found,) = items(first, "function_call")
    output = {"type": "function_call_output", "call_id": found["call_id"], "output": "a cat"}
    given = [output, decision(request)]
    made = post(client, **asked(given, previous_response_id=first["id"], tools=[OWN, FIND]))
    assert [item["type"] for item in made["output"]] == ["mcp_call", "message"]
    assert ran == [(2, 3)]


def test_what_is_kept_no_longer_cannot_be_decided(
    make_client: MakeClient,
    scripted_nano: Script,
    ran: list[tuple[int, int]],
) -> None:
    client = counting(make_client, scripted_nano(call() + ANSWER), ran, store_s=1.0)
    first, request = paused(client)
    time.sleep(2.5)
    late = asked([decision(request)], previous_response_id=first["id"])
    assert (client.post("/v1/responses", json=late).status_code, ran) == (404, [])


@pytest.mark.parametrize("approve", [True, False])
def test_a_decision_without_the_tools(
    make_client: MakeClient, scripted_nano: Script, ran: list[tuple[int, int]], approve: bool
) -> None:
    """A yes to what the request does not declare would be lost; a no needs no tool."""
    client = counting(make_client, scripted_nano(call() + ANSWER), ran)
    first, request = paused(client)
    decided = asked([decision(request, approve)], previous_response_id=first["id"], tools=[])
    reply = client.post("/v1/responses", json=decided)
    assert (reply.status_code, ran) == (400 if approve else 200, [])
    if approve:
        assert "got yes to a call of 'add', which the request does not declare" in reply.text


def test_what_was_allowed_is_run_though_no_more_may_be_called(
    make_client: MakeClient, scripted_nano: Script, ran: list[tuple[int, int]]
) -> None:
    client = counting(make_client, scripted_nano(call() + ANSWER), ran)
    first, request = paused(client)
    more: Json = {"previous_response_id": first["id"], "tool_choice": "none"}
    made = post(client, **asked([decision(request)], **more))
    assert [item["type"] for item in made["output"]] == ["mcp_call", "message"]
    assert ran == [(2, 3)]


@pytest.mark.parametrize("kind", ["mcp_call", "mcp_approval_request"])
@pytest.mark.parametrize("name", ["", "add to=python", "add<|channel|>final", "add\nadd"])
def test_names_that_no_call_has(client: TestClient, kind: str, name: str) -> None:
    item = {"type": kind, "id": "mcp_1", "name": name, "arguments": "{}"}
    given = [item, {"role": "user", "content": "?"}]
    for path in ("/v1/responses", "/v1/responses/render"):
        assert client.post(path, json=asked(given)).status_code == 400
